import { HTTP_PORT, hostOf } from "../../../operator/desired/names.ts";
import { CodedError, FaultKind, isCoded } from "../../base/errors.ts";
import { type TopOptions, top } from "../top.ts";
import { type ClusterFlags, withCluster } from "./connection.ts";
import { findStack } from "./find-stack.ts";
import { componentOf, isReady, podsOf, troubleOf } from "./pods.ts";
import type { OutputFlags } from "./status.ts";
import { openTunnel } from "./tunnel.ts";

export type KubeTopFlags = ClusterFlags & OutputFlags & Omit<TopOptions, "url" | "json"> & { readonly stack?: string };

/** What `brazier top` prints, asked of a ready querier of the stack. Errors: `query_away`, those of the tunnel and of `top`. */
export async function topOfStack(service: string | undefined, flags: KubeTopFlags): Promise<void> {
  await withCluster(flags, async (connection) => {
    const stack = await findStack(connection, flags.stack);
    const { namespace, name } = stack.metadata;
    const component = stack.spec.size === "demo" ? "all" : "query";
    const queriers = (await podsOf(connection, stack)).filter((pod) => componentOf(pod) === component);
    const pod = queriers.find(isReady);
    if (pod === undefined) {
      const [first] = queriers;
      const why = first === undefined ? "there is no pod of it" : `${first.metadata.name}: ${troubleOf(first)}`;
      const message = `no querier of ${namespace}/${name} is ready (${why}): \`kubectl brazier status ${name} -n ${namespace}\` says more`;
      throw new CodedError("query_away", FaultKind.Unavailable, message);
    }
    const tunnel = await openTunnel(connection.config, { namespace, pod: pod.metadata.name, port: HTTP_PORT });
    try {
      const scheme = stack.spec.expose.tls === undefined ? "http" : "https";
      await top(service, {
        ...flags,
        url: `${scheme}://127.0.0.1:${tunnel.port}`,
        tunnelTo: hostOf({ namespace, name }, "query"),
        json: flags.output === "json",
        calledAs: "kubectl brazier",
      });
    } catch (error) {
      if (isCoded(error, "server_unreachable") || tunnel.fault() !== undefined) throw tunnel.fault() ?? error;
      throw error;
    } finally {
      await tunnel.stop();
    }
  });
}

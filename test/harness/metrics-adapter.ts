import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { issue, issueAuthority } from "../../operator/credentials/certificates.ts";
import { systemClock } from "../../pipeline/base/clock.ts";
import { systemRandom } from "../../pipeline/base/random.ts";
import type { ApiServerProcess } from "./api-server.ts";

/*
 * An adapter for custom metrics of pods, behind a real API server's aggregation layer: what it offers, and what each pod has, is the test's to
 * say. An external name leads there, as a cluster without a network has no other way.
 */

const GROUP = "custom.metrics.k8s.io";
const VERSION = "v1beta1";

export type MetricsAdapter = {
  /** Names of metrics of pods, with the value that every pod has. */
  readonly metrics: Map<string, number>;
  register(): void;
  stop(): Promise<void>;
};

export async function startMetricsAdapter(api: ApiServerProcess): Promise<MetricsAdapter> {
  const metrics = new Map<string, number>();
  const options = { nowMs: systemClock.nowMs(), random: systemRandom };
  const { certificate, key } = await issue(["localhost"], await issueAuthority(options), options);
  const server = createServer({ cert: certificate, key }, (request, response) => {
    const answer = (status: number, value: unknown): void => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    };
    const url = new URL(request.url ?? "/", "https://localhost");
    if (url.pathname === `/apis/${GROUP}/${VERSION}`) return answer(200, resourceList([...metrics.keys()]));
    const [, namespace, metric] = /\/namespaces\/([^/]+)\/pods\/\*\/([^/]+)$/.exec(decodeURIComponent(url.pathname)) ?? [];
    const value = metrics.get(metric ?? "");
    if (namespace === undefined || metric === undefined || value === undefined)
      return answer(404, { apiVersion: "v1", kind: "Status", status: "Failure", reason: "NotFound", code: 404 });
    const selector = url.searchParams.get("labelSelector") ?? "";
    // As it is: a client that looks at what the server offers first would wait for this very answer.
    const pods = JSON.parse(
      api.kubectl(["get", "--raw", `/api/v1/namespaces/${namespace}/pods?labelSelector=${encodeURIComponent(selector)}`]),
    ) as { readonly items: readonly { readonly metadata: { readonly name: string } }[] };
    answer(200, valueList({ namespace, metric, value, pods: pods.items.map(({ metadata }) => metadata.name) }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    metrics,
    register: () => {
      const items = [
        {
          apiVersion: "v1",
          kind: "Service",
          metadata: { name: "metrics-adapter", namespace: "default" },
          spec: { type: "ExternalName", externalName: "localhost", ports: [{ port }] },
        },
        {
          apiVersion: "apiregistration.k8s.io/v1",
          kind: "APIService",
          metadata: { name: `${VERSION}.${GROUP}` },
          spec: {
            group: GROUP,
            version: VERSION,
            groupPriorityMinimum: 100,
            versionPriority: 100,
            insecureSkipTLSVerify: true,
            service: { name: "metrics-adapter", namespace: "default", port },
          },
        },
      ];
      api.kubectl(["apply", "--server-side", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function resourceList(names: readonly string[]): object {
  const resources = names.map((name) => ({
    name: `pods/${name}`,
    singularName: "",
    namespaced: true,
    kind: "MetricValueList",
    verbs: ["get"],
  }));
  return { kind: "APIResourceList", apiVersion: "v1", groupVersion: `${GROUP}/${VERSION}`, resources };
}

function valueList(found: {
  readonly namespace: string;
  readonly metric: string;
  readonly value: number;
  readonly pods: readonly string[];
}): object {
  const timestamp = new Date(systemClock.nowMs()).toISOString();
  const items = found.pods.map((name) => ({
    describedObject: { kind: "Pod", namespace: found.namespace, name, apiVersion: "/v1" },
    metricName: found.metric,
    timestamp,
    value: String(found.value),
  }));
  return { kind: "MetricValueList", apiVersion: `${GROUP}/${VERSION}`, metadata: {}, items };
}

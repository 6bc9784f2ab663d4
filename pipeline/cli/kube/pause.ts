import { API_VERSION } from "../../../operator/desired/names.ts";
import { type ClusterFlags, withCluster } from "./connection.ts";
import { findStack } from "./find-stack.ts";

/** Whose field `spec.paused` is afterwards. */
const MANAGER = "kubectl-brazier";

/** Sets `spec.paused`, or takes it back. Says what follows from it. */
export async function pause(name: string | undefined, flags: ClusterFlags & { readonly resume?: boolean }): Promise<void> {
  await withCluster(flags, async (connection) => {
    const { metadata, spec } = await findStack(connection, name);
    const { namespace, name: found, uid } = metadata;
    const own = async (fields: object): Promise<void> => {
      const object = { apiVersion: API_VERSION, kind: "ProfilingStack", metadata: { namespace, name: found, uid }, ...fields };
      await connection.cluster.apply(object, { manager: MANAGER });
    };
    const stack = `${namespace}/${found}`;
    if (flags.resume !== true) {
      await own({ spec: { paused: true } });
      process.stdout.write(
        `${stack} is ${spec.paused ? "paused already" : "paused"}: its pods go on, and the operator changes nothing of it: no repairs, no upgrades, no more or fewer\n` +
          `segment workers, no new certificates for its NATS. Autoscalers go on. \`kubectl brazier pause ${found} -n ${namespace} --resume\` ends it.\n`,
      );
      return;
    }
    await own({ spec: { paused: false } });
    // Given up again: whoever writes the stack's file may say `paused` without asking us.
    await own({});
    process.stdout.write(`${stack} ${spec.paused ? "goes on" : "was not paused"}: the operator puts right what is not as its spec says.\n`);
  });
}

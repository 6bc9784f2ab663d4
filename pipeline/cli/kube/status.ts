import { EVENTS } from "../../../operator/kube/kinds.ts";
import type { Stack } from "../../../operator/observe/observed.ts";
import { lagOf } from "../../../operator/scaling/segment.ts";
import { isCoded } from "../../base/errors.ts";
import { missingRight } from "./cluster-faults.ts";
import { type ClusterFlags, type Connection, withCluster } from "./connection.ts";
import { findStack } from "./find-stack.ts";
import { componentOf, isReady, podsOf, readPage } from "./pods.ts";
import { showStack } from "./show-stack.ts";
import { type QueueLag, type StackState, stackState } from "./stack-state.ts";

export type OutputFlags = { readonly output: "text" | "json" };

/** The command did its work, and what it found is not as it should be. */
const EXIT_NOT_READY = 2;

/** Exit 0 when the stack is ready, 2 when it is not. */
export async function status(name: string | undefined, flags: ClusterFlags & OutputFlags): Promise<void> {
  await withCluster(flags, async (connection) => {
    const state = await readState(connection, await findStack(connection, name));
    process.stdout.write(flags.output === "json" ? `${JSON.stringify(state, null, 2)}\n` : showStack(state, Date.now()));
    const ready = state.conditions.find(({ type }) => type === "Ready")?.status === "True";
    if (!ready || state.verdict === "unseen" || state.verdict === "degraded") process.exitCode = EXIT_NOT_READY;
  });
}

export async function readState(connection: Connection, stack: Stack): Promise<StackState> {
  const { namespace } = stack.metadata;
  const [events, lag] = await Promise.all([connection.cluster.list(EVENTS, { namespace }), readLag(connection, stack)]);
  return stackState({ stack, events: events.items, lag });
}

/** As the operator reads it, from any segment worker; nobody needs the right to it to see the rest. */
async function readLag(connection: Connection, stack: Stack): Promise<QueueLag | undefined> {
  if (stack.spec.size === "demo") return undefined;
  try {
    const worker = (await podsOf(connection, stack)).find((pod) => componentOf(pod) === "segment" && isReady(pod));
    if (worker === undefined) return { unknown: "no segment worker is ready" };
    return lagOf(await readPage(connection, stack, worker, "/metrics")) ?? { unknown: `${worker.metadata.name} does not tell` };
  } catch (error) {
    if (!isCoded(error)) throw error;
    const right = missingRight(error);
    return { unknown: right === undefined ? error.rawMessage : `you may not ${right}` };
  }
}

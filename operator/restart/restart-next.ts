import type { Clock } from "../../pipeline/base/clock.ts";
import type { Log } from "../../pipeline/base/log.ts";
import type { Cluster } from "../kube/cluster.ts";
import type { Observed } from "../observe/observed.ts";
import { nextServer } from "./next-server.ts";

/** Restarts the NATS server whose turn it is, if any; gives whether to look again soon. */
export async function restartNext(
  { natsServers, stack }: Observed,
  { cluster, clock, log }: { readonly cluster: Cluster; readonly clock: Clock; readonly log: Log },
): Promise<boolean> {
  if (natsServers === undefined) return false;
  const step = nextServer(natsServers, clock.nowMs());
  // That a server has become ready is told; that it has been so for long enough is not.
  if (step.kind !== "restart") return step.kind === "waits" && step.away === undefined;
  const { name, namespace } = step.pod.metadata;
  const isGoing = await cluster.evict(step.pod);
  const message = isGoing ? "NATS server restarted" : "NATS server not restarted: its disruption budget says not now";
  log.info({ namespace, stack: stack.metadata.name, pod: name }, message);
  return true;
}

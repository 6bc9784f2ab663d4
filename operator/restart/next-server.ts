import type { UnixMs } from "../../pipeline/base/units.ts";
import { conditionAt, type KubeObject, numberAt, textAt, valueAt } from "../kube/object.ts";

/** The stack's NATS servers as they are, read together and past every copy. */
export type NatsServers = { readonly workload: KubeObject | undefined; readonly pods: readonly KubeObject[] };

/** A server that is not ready, and since when. */
export type AwayServer = { readonly name: string; readonly sinceMs: UnixMs };

export type RestartStep =
  | { readonly kind: "settled" }
  /** This pod's server is the next to restart. */
  | { readonly kind: "restart"; readonly pod: KubeObject }
  /** A server is on its way, or stuck: until it is ready, no other is stopped. */
  | { readonly kind: "waits"; readonly away: AwayServer | undefined };

/** As long as a new server must have been ready: its own check asks every 5 s, and twice agreed. */
const READY_FOR_MS = 10_000;

/**
 * Which NATS server restarts next, where their form has changed. Pure. A server is ready while it and its replicas of streams are current; so no
 * server that is ready is stopped unless all are. One that is away may get the new form at once, since nothing is lost by it and the change
 * may be what mends it. Where one that has the new form is away, too, the change itself may be what is wrong: then that waits, unless the majority
 * is away, without which none can become ready.
 */
export function nextServer({ workload, pods }: NatsServers, nowMs: UnixMs): RestartStep {
  const [newest, wanted] = [textAt(workload, "status", "updateRevision"), numberAt(workload, "spec", "replicas")];
  const isSeen = valueAt(workload, "status", "observedGeneration") === workload?.metadata.generation;
  if (workload === undefined || newest === undefined || wanted === undefined || !isSeen) return { kind: "waits", away: undefined };
  const servers = pods
    .map((pod) => ({ pod, isNew: pod.metadata.labels?.["controller-revision-hash"] === newest, ...readiness(pod) }))
    .sort((left, right) => right.pod.metadata.name.localeCompare(left.pod.metadata.name, "en", { numeric: true }));
  const away = servers.filter(({ isReady }) => !isReady);
  // The longest away is the one to look at.
  const [longest] = [...away].sort((left, right) => left.sinceMs - right.sinceMs);
  const waits: RestartStep = { kind: "waits", away: longest && { name: longest.pod.metadata.name, sinceMs: longest.sinceMs } };
  if (servers.length < wanted || servers.some(({ pod }) => pod.metadata.deletionTimestamp !== undefined)) return waits;
  const old = servers.filter(({ isNew }) => !isNew);
  if (old.length === 0) return away.length === 0 ? { kind: "settled" } : waits;
  const oldAway = old.find(({ isReady }) => !isReady);
  const isMajority = (servers.length - away.length) * 2 > wanted;
  if (oldAway !== undefined && !(isMajority && away.some(({ isNew }) => isNew))) return { kind: "restart", pod: oldAway.pod };
  const areSteady = servers.every(({ isReady, sinceMs }) => isReady && nowMs - sinceMs >= READY_FOR_MS);
  return areSteady && old[0] !== undefined ? { kind: "restart", pod: old[0].pod } : waits;
}

function readiness(pod: KubeObject): { readonly isReady: boolean; readonly sinceMs: UnixMs } {
  const ready = conditionAt(pod, "Ready");
  const since = Date.parse(textAt(ready, "lastTransitionTime") ?? pod.metadata.creationTimestamp ?? "");
  return {
    isReady: textAt(ready, "status") === "True",
    sinceMs: (Number.isNaN(since) ? 0 : since) as UnixMs,
  };
}

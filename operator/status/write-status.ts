import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../../pipeline/base/clock.ts";
import { isCoded } from "../../pipeline/base/errors.ts";
import type { Log } from "../../pipeline/base/log.ts";
import { API_VERSION } from "../desired/names.ts";
import type { Cluster } from "../kube/cluster.ts";
import { hashOf } from "../kube/hash.ts";
import type { Observed } from "../observe/observed.ts";
import type { ProfilingStackStatus } from "../types/profiling-stack.ts";
import { readyCondition } from "./describe.ts";
import { isoSeconds } from "./iso-seconds.ts";

const MANAGER = "brazier-operator-status";

type StatusDeps = { readonly cluster: Cluster; readonly clock: Clock; readonly log: Log };

/** One write, and none when nothing is new; a change of Ready or of the number of workers is also told as an event. */
export async function writeStatus({ stack }: Observed, status: ProfilingStackStatus, { cluster, clock, log }: StatusDeps): Promise<void> {
  if (isDeepStrictEqual(stack.status, JSON.parse(JSON.stringify(status)))) return;
  const { name, namespace } = stack.metadata;
  const object = { apiVersion: API_VERSION, kind: "ProfilingStack", metadata: { name, namespace }, status };
  try {
    await cluster.apply(object, { manager: MANAGER, subresource: "status" });
  } catch (error) {
    // Deleted meanwhile.
    if (isCoded(error, "cluster_not_found")) return;
    throw error;
  }
  const told = (reason: string, message: string, type: "Normal" | "Warning"): Promise<void> =>
    tell(stack, { reason, message, type }, { cluster, clock, log });
  const [before, after] = [readyCondition(stack.status), readyCondition(status)];
  if (after !== undefined && (before?.status !== after.status || before.reason !== after.reason)) {
    const isTrouble = status.conditions?.some((condition) => condition.type === "Degraded" && condition.status === "True") === true;
    log.info({ namespace, stack: name, ready: after.status, reason: after.reason, explanation: after.message }, "stack changed");
    await told(after.reason, after.message, isTrouble ? "Warning" : "Normal");
  }
  for (const { component, replicas, reason } of status.scaling ?? []) {
    const known = stack.status?.scaling?.find((one) => one.component === component);
    if (known !== undefined && known.replicas !== replicas)
      await told("Scaled", `${component}: ${replicas} instead of ${known.replicas} pods: ${reason}`, "Normal");
  }
}

/** An event is for people: without it nothing is lost. */
async function tell(
  stack: Observed["stack"],
  { reason, message, type }: { readonly reason: string; readonly message: string; readonly type: "Normal" | "Warning" },
  { cluster, clock, log }: StatusDeps,
): Promise<void> {
  const { name, namespace, uid } = stack.metadata;
  const time = isoSeconds(clock.nowMs());
  const event = {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: `${name}.${hashOf([uid, reason, message, time])}`, namespace },
    involvedObject: { apiVersion: API_VERSION, kind: "ProfilingStack", name, namespace, uid },
    reason,
    message: message.slice(0, 1024),
    type,
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
    source: { component: "brazier-operator" },
    reportingComponent: "brazier-operator",
    reportingInstance: "brazier-operator",
  };
  await cluster.create(event).catch((error: unknown) => log.warn({ err: error, namespace, stack: name }, "event not written"));
}

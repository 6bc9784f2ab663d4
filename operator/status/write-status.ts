import type { Observed } from "../observe/observed.ts";
import type { ProfilingStackStatus } from "../types/profiling-stack.ts";
import { applyStatus } from "./apply-status.ts";
import { readyCondition } from "./describe.ts";
import { type TellDeps, type Telling, tell } from "./tell.ts";

/** Writes what is new; a change of Ready or of the number of workers is also told as an event. */
export async function writeStatus({ stack }: Observed, status: ProfilingStackStatus, deps: TellDeps): Promise<void> {
  const object = { kind: "ProfilingStack", metadata: stack.metadata, status: stack.status };
  if (!(await applyStatus(object, status, deps.cluster))) return;
  const told = (reason: string, message: string, type: Telling["type"]): Promise<void> => tell(object, { reason, message, type }, deps);
  const [before, after] = [readyCondition(stack.status), readyCondition(status)];
  if (after !== undefined && (before?.status !== after.status || before.reason !== after.reason)) {
    const isTrouble = status.conditions?.some((condition) => condition.type === "Degraded" && condition.status === "True") === true;
    const { namespace, name } = stack.metadata;
    deps.log.info({ namespace, stack: name, ready: after.status, reason: after.reason, explanation: after.message }, "stack changed");
    await told(after.reason, after.message, isTrouble ? "Warning" : "Normal");
  }
  for (const { component, replicas, reason } of status.scaling ?? []) {
    const known = stack.status?.scaling?.find((one) => one.component === component);
    if (known !== undefined && known.replicas !== replicas)
      await told("Scaled", `${component}: ${replicas} instead of ${known.replicas} pods: ${reason}`, "Normal");
  }
}

import { idOf, type KubeObject, numberAt, textAt, valueAt } from "../kube/object.ts";
import type { Context } from "./context.ts";
import { objectName } from "./names.ts";

/**
 * Upgrades go one part at a time: readers before writers, so that nobody meets bytes that it cannot read. A part gets its new version once
 * all before it run theirs and are healthy; setting the version back goes the same way.
 */
export const UPGRADE_ORDER: readonly string[] = ["query", "compact", "segment", "ingest", "agent"];

/** The tag that a part's image should have in the end; undefined where a digest says it. */
export function targetTag({ spec, version }: Context, component: string): string | undefined {
  const image = component === "agent" ? spec.agent.image : spec.image;
  return image.digest === undefined ? (image.tag ?? version) : undefined;
}

/** The tag that a part's image should have now. */
export function tagOf(context: Context, component: string): string {
  const target = targetTag(context, component) ?? context.version;
  const running = runningTag(context, component);
  // What is not there yet has nothing to wait for.
  if (running === undefined || running === target) return target;
  const at = UPGRADE_ORDER.indexOf(component);
  return UPGRADE_ORDER.slice(0, Math.max(0, at)).some((earlier) => !isDone(context, earlier)) ? running : target;
}

/** The tag in the form of a part's pods; undefined where it does not run or a digest says it. */
export function runningTag(context: Context, component: string): string | undefined {
  const workload = workloadOf(context, component);
  const image = workload === undefined ? undefined : textAt(workload, "spec", "template", "spec", "containers", 0, "image");
  return image === undefined || image.includes("@") ? undefined : /:([^:/@]+)$/.exec(image)?.[1];
}

/** The parts that do not have their version yet, in the order in which they get it. */
export function partsToUpgrade(context: Context): readonly string[] {
  return UPGRADE_ORDER.filter((component) => {
    const [running, target] = [runningTag(context, component), targetTag(context, component)];
    return running !== undefined && target !== undefined && running !== target;
  });
}

function isDone(context: Context, component: string): boolean {
  const workload = workloadOf(context, component);
  if (workload === undefined) return true;
  const running = runningTag(context, component);
  return (running === undefined || running === targetTag(context, component)) && isHealthy(workload);
}

export function workloadOf(
  { observed, key }: { readonly observed: Pick<Context["observed"], "owned">; readonly key: Context["key"] },
  component: string,
): KubeObject | undefined {
  const kind = component === "agent" ? "DaemonSet" : component === "nats" ? "StatefulSet" : "Deployment";
  const id = idOf({ apiVersion: "apps/v1", kind, metadata: { name: objectName(key, component), namespace: key.namespace } });
  return observed.owned.find((object) => idOf(object) === id);
}

export type WorkloadCounts = { readonly wanted: number; readonly ready: number; readonly updated: number };

export function countsOf(workload: KubeObject): WorkloadCounts {
  const status = (field: string): number => numberAt(workload, "status", field) ?? 0;
  if (workload.kind === "DaemonSet")
    return { wanted: status("desiredNumberScheduled"), ready: status("numberReady"), updated: status("updatedNumberScheduled") };
  return { wanted: numberAt(workload, "spec", "replicas") ?? 1, ready: status("readyReplicas"), updated: status("updatedReplicas") };
}

/** Whether its controller has seen its newest form, and all pods have it and are ready. */
export function isHealthy(workload: KubeObject): boolean {
  const { wanted, ready, updated } = countsOf(workload);
  const seen = valueAt(workload, "status", "observedGeneration") === workload.metadata.generation;
  // Pods of the form before stay until new ones are ready, and are counted as ready themselves.
  const remains = (numberAt(workload, "status", "replicas") ?? 0) > updated;
  return seen && !remains && ready >= wanted && updated >= wanted;
}

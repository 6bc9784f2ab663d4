import { objectName, STATUS_PORT, type StackKey } from "../desired/names.ts";
import { workloadOf } from "../desired/rollout.ts";
import { type KubeObject, numberAt } from "../kube/object.ts";
import type { World } from "../observe/observe.ts";
import type { Stack } from "../observe/observed.ts";
import { segmentBounds } from "./bounds.ts";
import { decideReplicas } from "./decide.ts";
import type { LagSample } from "./lag.ts";
import type { LagTarget } from "./lag-watch.ts";

/** The stacks whose segment workers the operator counts. */
export function lagTargets(world: World): readonly LagTarget[] {
  return world.stacks().flatMap((object): readonly LagTarget[] => {
    const { spec, metadata } = object as unknown as Stack;
    if (spec.paused || segmentBounds(spec) === undefined || spec.segment?.autoscaling?.by === "KEDA") return [];
    const key = { namespace: metadata.namespace, name: metadata.name };
    return [{ key, replicas: replicasOf(world, key) }];
  });
}

/** Whether what was seen asks for another number of workers, or for another reason: only then is a stack looked at. */
export function wantsAnother(world: World, key: StackKey, samples: readonly LagSample[]): boolean {
  const stack = world.stack(key) as (KubeObject & Stack) | undefined;
  const bounds = stack === undefined ? undefined : segmentBounds(stack.spec);
  const current = replicasOf(world, key);
  if (bounds === undefined || current === undefined) return false;
  const decision = decideReplicas(samples, bounds, current);
  const told = stack?.status?.scaling?.find(({ component }) => component === "segment");
  return decision.replicas !== current || told?.replicas !== decision.replicas || told.reason !== decision.reason;
}

export function metricsUrl({ key }: LagTarget, template: string | undefined): string {
  return (template ?? `http://{service}.{namespace}.svc:${STATUS_PORT}/metrics`)
    .replaceAll("{service}", objectName(key, "segment"))
    .replaceAll("{namespace}", key.namespace);
}

function replicasOf(world: World, key: StackKey): number | undefined {
  return numberAt(workloadOf({ observed: { owned: world.owned(key) }, key }, "segment"), "spec", "replicas");
}

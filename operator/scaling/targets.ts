import { objectName, STATUS_PORT, type StackKey } from "../desired/names.ts";
import { workloadOf } from "../desired/rollout.ts";
import { type KubeObject, numberAt } from "../kube/object.ts";
import type { World } from "../observe/observe.ts";
import type { Stack } from "../observe/observed.ts";
import { type CountedComponent, decide } from "./counted-part.ts";
import { COUNTED_PARTS } from "./counted-parts.ts";
import type { LoadTarget } from "./load-watch.ts";
import type { Look } from "./reading.ts";

/** The parts of all stacks whose pods the operator counts. */
export function loadTargets(world: World): readonly LoadTarget[] {
  return world.stacks().flatMap((object): readonly LoadTarget[] => {
    const { spec, metadata } = object as unknown as Stack;
    if (spec.paused) return [];
    const key = { namespace: metadata.namespace, name: metadata.name };
    return COUNTED_PARTS.filter((part) => part.rulesOf(spec) !== undefined).map((part) => ({
      key,
      part,
      replicas: replicasOf(world, key, part.component),
    }));
  });
}

/** Whether what was seen asks for another number of pods, or for another reason: only then is a stack looked at. */
export function wantsAnother(world: World, { key, part }: Pick<LoadTarget, "key" | "part">, looks: readonly Look[]): boolean {
  const stack = world.stack(key) as (KubeObject & Stack) | undefined;
  const rules = stack === undefined ? undefined : part.rulesOf(stack.spec);
  const current = replicasOf(world, key, part.component);
  if (rules === undefined || current === undefined) return false;
  const decision = decide(part, rules, looks, current);
  const told = stack?.status?.scaling?.find(({ component }) => component === part.component);
  return decision.replicas !== current || told?.replicas !== decision.replicas || told.reason !== decision.reason;
}

export function metricsUrl({ key, part }: Pick<LoadTarget, "key" | "part">, template: string | undefined): string {
  return (template ?? `http://{service}.{namespace}.svc:${STATUS_PORT}/metrics`)
    .replaceAll("{service}", objectName(key, part.component))
    .replaceAll("{namespace}", key.namespace);
}

function replicasOf(world: World, key: StackKey, component: CountedComponent): number | undefined {
  return numberAt(workloadOf({ observed: { owned: world.owned(key) }, key }, component), "spec", "replicas");
}

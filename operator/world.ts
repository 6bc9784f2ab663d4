import type { Running } from "../pipeline/base/lifecycle.ts";
import { MANAGED_BY, STACK_NAME, STACK_NAMESPACE, type StackKey } from "./desired/names.ts";
import { hashOf } from "./kube/hash.ts";
import { OWNED_KINDS, POLICIES, type Resource, STACKS } from "./kube/kinds.ts";
import { type KubeObject, kindId } from "./kube/object.ts";
import type { World } from "./observe/observe.ts";
import { KnownKinds } from "./watch/known-kinds.ts";
import { Reflector, type ReflectorDeps } from "./watch/reflector.ts";
import type { Depth } from "./watch/work-queue.ts";

export type Wake = { readonly stack: (key: StackKey, depth: Depth) => void; readonly policies: () => void };

/**
 * Copies of everything that matters: stacks, policies, and what carries the operator's label. Pods of others never come here, however
 * many there are. `wake` is told which stack to look at, and how deeply; and when what is said of policies may be another thing.
 */
export async function watchWorld(deps: ReflectorDeps, namespace: string | undefined, wake: Wake): Promise<World & Running> {
  const stacks = new Reflector(deps, {
    resource: STACKS,
    namespace,
    onChange: (object, previous, gone) => {
      // Our own status comes back here; only what people write is news.
      if (!isNews(object, previous, gone)) return;
      wake.stack(keyOfStack(object), "full");
      wake.policies();
    },
  });
  const wakeAll = (): void => {
    for (const stack of stacks.values()) wake.stack(keyOfStack(stack), "full");
  };
  const policies = new Reflector(deps, {
    resource: POLICIES,
    namespace,
    onChange: (object, previous, gone) => {
      if (!isNews(object, previous, gone)) return;
      wakeAll();
      wake.policies();
    },
  });
  const reflectorOf = (resource: Resource, onMissing?: () => void): Reflector =>
    new Reflector(deps, {
      resource,
      namespace: resource.namespaced ? namespace : undefined,
      labelSelector: `app.kubernetes.io/managed-by=${MANAGED_BY}`,
      ...(onMissing === undefined ? {} : { onMissing }),
      onChange: (object, previous, gone) => {
        const key = keyOfOwned(object);
        if (key === undefined) return;
        const isNew = isNews(object, previous, gone);
        wake.stack(key, isNew ? "full" : "status");
        // Agents read policies from one of these.
        if (isNew && object.kind === "ConfigMap") wake.policies();
      },
    });
  const always = OWNED_KINDS.filter(({ optional }) => !optional).map((resource) => reflectorOf(resource));
  const optional = new Map<Resource, Reflector>();
  // What is not watched yet is not known yet: nobody applies an object that would not be seen.
  const watched = new Set<string>();
  const kinds: KnownKinds = new KnownKinds(
    OWNED_KINDS.filter((resource) => resource.optional),
    {
      ...deps,
      onChange: async ({ came, went }) => {
        for (const resource of went) {
          watched.delete(kindId(resource));
          const reflector = optional.get(resource);
          optional.delete(resource);
          await reflector?.stop();
        }
        for (const resource of came)
          optional.set(
            resource,
            reflectorOf(resource, () => kinds.hurry()),
          );
        await Promise.all(came.map((resource) => optional.get(resource)?.start()));
        for (const resource of came) watched.add(kindId(resource));
        deps.log.info({ came: came.map(kindId), went: went.map(kindId) }, "optional kinds of the cluster changed");
        wakeAll();
      },
    },
  );
  const fixed = [stacks, policies, ...always];
  await Promise.all([kinds, ...fixed].map((part) => part.start()));
  return {
    stacks: () => stacks.values(),
    stack: (key) => stacks.get(key.namespace, key.name),
    owned: (key) => [...always, ...optional.values()].flatMap((store) => store.values().filter((object) => isOf(object, key))),
    policies: () => policies.values(),
    kinds: () => new Set(watched),
    stop: async () => {
      // Together: a look at the kinds may be waiting for one of the others.
      await Promise.all([kinds, ...fixed, ...optional.values()].map((part) => part.stop()));
    },
  };
}

function keyOfStack({ metadata }: KubeObject): StackKey {
  return { namespace: metadata.namespace ?? "", name: metadata.name };
}

function keyOfOwned({ metadata }: KubeObject): StackKey | undefined {
  const [namespace, name] = [metadata.labels?.[STACK_NAMESPACE], metadata.labels?.[STACK_NAME]];
  return namespace === undefined || name === undefined ? undefined : { namespace, name };
}

function isOf(object: KubeObject, key: StackKey): boolean {
  const found = keyOfOwned(object);
  return found?.namespace === key.namespace && found.name === key.name;
}

/** Whether it came, went, or is wanted otherwise than before. */
function isNews(object: KubeObject, previous: KubeObject | undefined, gone: boolean): boolean {
  return gone || previous === undefined || intentOf(object) !== intentOf(previous);
}

/** Generation, labels and annotations: what somebody wants, in contrast to what is. Kinds that count no generation want everything. */
function intentOf({ metadata }: KubeObject): string {
  return hashOf([metadata.generation ?? metadata.resourceVersion, metadata.labels, metadata.annotations, metadata.deletionTimestamp]);
}

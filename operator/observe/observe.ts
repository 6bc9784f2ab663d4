import type { Clock } from "../../pipeline/base/clock.ts";
import type { Random } from "../../pipeline/base/random.ts";
import { natsCredentials } from "../credentials/nats.ts";
import { objectName, type StackKey, selectorOf, selectorText } from "../desired/names.ts";
import { isHealthy, workloadOf } from "../desired/rollout.ts";
import type { Cluster } from "../kube/cluster.ts";
import { PODS, resourceOf } from "../kube/kinds.ts";
import type { KubeObject } from "../kube/object.ts";
import type { NatsServers } from "../restart/next-server.ts";
import type { CountedComponent } from "../scaling/counted-part.ts";
import { COUNTED_PARTS } from "../scaling/counted-parts.ts";
import { type MetricOffer, wantsInFlight } from "../scaling/in-flight.ts";
import type { Look } from "../scaling/reading.ts";
import { secretReferences } from "../validate/secret-references.ts";
import type { Observed, Policy, Stack } from "./observed.ts";

/** The copies that watches keep. */
export interface World {
  stacks(): readonly KubeObject[];
  stack(key: StackKey): KubeObject | undefined;
  owned(key: StackKey): readonly KubeObject[];
  policies(): readonly KubeObject[];
  /** The optional kinds that the cluster knows and that are watched, by `kindId`. */
  kinds(): ReadonlySet<string>;
}

export type ObserveDeps = {
  readonly cluster: Cluster;
  readonly world: World;
  /** What was seen of a stack's work. */
  readonly load: { looksOf(key: StackKey, component: CountedComponent): readonly Look[] };
  /** Whether the cluster's metrics tell how many questions a querier has. */
  readonly inFlight: { get(): Promise<MetricOffer> };
  readonly clock: Clock;
  readonly random: Random;
};

/** Reads all that a reconciliation needs to know; undefined when the stack is gone. Writes nothing. */
export async function observe(key: StackKey, deps: ObserveDeps): Promise<Observed | undefined> {
  const { cluster, world, load, clock, random } = deps;
  const stack = world.stack(key) as Stack | undefined;
  if (stack === undefined || stack.metadata.deletionTimestamp !== undefined) return undefined;
  const names = [...new Set(secretReferences(stack.spec).map(({ name }) => name))];
  const ownNats = stack.spec.size !== "demo" && stack.spec.queue?.external === undefined;
  const [secrets, nats, inFlight, natsServers] = await Promise.all([
    readSecrets(cluster, key.namespace, names),
    // Never from a copy: one that is behind would have us make a second password.
    ownNats ? readSecrets(cluster, key.namespace, [objectName(key, "nats")]) : undefined,
    wantsInFlight(stack.spec) ? deps.inFlight.get() : undefined,
    ownNats ? readNatsServers(cluster, key, world.owned(key)) : undefined,
  ]);
  const credentials =
    nats === undefined
      ? undefined
      : await natsCredentials(key, nats.get(objectName(key, "nats")), {
          tls: stack.spec.queue?.nats?.tls ?? true,
          nowMs: clock.nowMs(),
          random,
        });
  return Object.freeze({
    stack,
    secrets,
    owned: world.owned(key),
    kinds: world.kinds(),
    policies: world.policies() as unknown as readonly Policy[],
    nats: credentials,
    looks: Object.fromEntries(COUNTED_PARTS.map(({ component }) => [component, load.looksOf(key, component)])),
    inFlight,
    natsServers,
  });
}

/** Copies tell that servers have something before them; what they are just then is read past the copies. */
async function readNatsServers(cluster: Cluster, key: StackKey, owned: readonly KubeObject[]): Promise<NatsServers | undefined> {
  const copy = workloadOf({ observed: { owned }, key }, "nats");
  if (copy === undefined || isHealthy(copy)) return undefined;
  const options = { namespace: key.namespace, labelSelector: selectorText(selectorOf(key, "nats")) };
  const [workloads, pods] = await Promise.all([cluster.list(resourceOf(copy), options), cluster.list(PODS, options)]);
  return { workload: workloads.items.find(({ metadata }) => metadata.name === copy.metadata.name), pods: pods.items };
}

async function readSecrets(
  cluster: Cluster,
  namespace: string,
  names: readonly string[],
): Promise<Map<string, Readonly<Record<string, string>>>> {
  const found = await Promise.all(names.map((name) => cluster.get({ apiVersion: "v1", kind: "Secret", metadata: { name, namespace } })));
  return new Map(
    found.flatMap((secret, at) => (secret === undefined ? [] : [[names[at] as string, (secret["data"] ?? {}) as Record<string, string>]])),
  );
}

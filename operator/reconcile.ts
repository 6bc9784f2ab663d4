import type { Clock } from "../pipeline/base/clock.ts";
import type { Log } from "../pipeline/base/log.ts";
import { type AppliedObjects, apply } from "./apply/apply.ts";
import type { Outcome } from "./apply/outcome.ts";
import { contextOf, type Settings } from "./desired/context.ts";
import { buildDesired } from "./desired/desired.ts";
import type { StackKey } from "./desired/names.ts";
import { partsToUpgrade } from "./desired/rollout.ts";
import type { Cluster } from "./kube/cluster.ts";
import { type ObserveDeps, observe, type World } from "./observe/observe.ts";
import { restartNext } from "./restart/restart-next.ts";
import { describe } from "./status/describe.ts";
import { writeStatus } from "./status/write-status.ts";
import { validate } from "./validate/validate.ts";
import type { Depth, Verdict } from "./watch/work-queue.ts";

export type ReconcileDeps = ObserveDeps & {
  readonly cluster: Cluster;
  readonly world: World;
  readonly clock: Clock;
  readonly settings: Settings;
  readonly applied: AppliedObjects;
  readonly log: Log;
};

/** observe → validate → desired → apply → status; a wake-up for the status alone leaves the middle out. Undefined: the stack is gone. */
export async function reconcile(key: StackKey, depth: Depth, deps: ReconcileDeps): Promise<Outcome | undefined> {
  const observed = await observe(key, deps);
  if (observed === undefined) {
    await removeClusterObjects(key, deps);
    return undefined;
  }
  const upgrading = partsToUpgrade(contextOf(observed, deps.settings)).length > 0;
  const outcome = await act();
  await writeStatus(observed, describe(observed, outcome, deps.settings, deps.clock.nowMs()), deps);
  return outcome;

  async function act(): Promise<Outcome> {
    if (observed === undefined || observed.stack.spec.paused) return { kind: "paused" };
    // An upgrade goes on when a part has become healthy, and a restart when a server is ready: that is news of a status.
    if (depth === "status" && !upgrading && observed.natsServers === undefined) return { kind: "looked" };
    const faults = validate(observed, deps.settings);
    if (faults.length > 0) return { kind: "refused", faults };
    const desired = buildDesired(observed, deps.settings);
    const { uid } = observed.stack.metadata;
    const applied = await apply({ desired, owned: observed.owned, ownerUid: uid, applied: deps.applied }, deps.cluster);
    return applied.kind === "applied" ? { ...applied, restarting: await restartNext(observed, deps) } : applied;
  }
}

/** Owner references take everything with the stack but what belongs to no namespace. */
async function removeClusterObjects(key: StackKey, { world, cluster }: ReconcileDeps): Promise<void> {
  for (const object of world.owned(key)) if (object.metadata.namespace === undefined) await cluster.remove(object, "Background");
}

/** A missing Secret appears without anybody telling us; certificates run out, and Secrets change. */
const REFUSED_AGAIN_MS = 10_000;
const SETTLED_AGAIN_MS = 120_000;
/** Time alone makes a server steady, and no event tells of it. */
const RESTARTING_AGAIN_MS = 5_000;

export function verdictOf(outcome: Outcome | undefined): Verdict {
  switch (outcome?.kind) {
    case undefined:
    case "looked":
      return { kind: "done" };
    case "failed":
      return { kind: "failed" };
    case "refused":
      return { kind: "again", afterMs: REFUSED_AGAIN_MS };
    case "applied":
      return { kind: "again", afterMs: outcome.replaced.length > 0 ? 1000 : outcome.restarting ? RESTARTING_AGAIN_MS : SETTLED_AGAIN_MS };
    case "paused":
      return { kind: "done" };
  }
}

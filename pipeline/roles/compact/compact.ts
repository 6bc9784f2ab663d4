import { type Backoff, backoffMs } from "../../base/backoff.ts";
import type { Clock } from "../../base/clock.ts";
import { FaultKind, isCoded } from "../../base/errors.ts";
import type { Running } from "../../base/lifecycle.ts";
import type { Log } from "../../base/log.ts";
import type { Registry } from "../../base/metrics.ts";
import type { Random } from "../../base/random.ts";
import { NO_TRACER, type Tracer } from "../../base/trace.ts";
import { type DurationMs, HOUR_MS, MINUTE_MS, SECOND_MS } from "../../base/units.ts";
import type { BucketCatalog } from "../../catalog/bucket-catalog.ts";
import type { CatalogState } from "../../catalog/catalog.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { carryOut } from "./carry-out.ts";
import type { CompactionPlan, Merge } from "./compaction-plan.ts";
import { type HeldLease, Leases } from "./leases.ts";
import { type CompactMetrics, createCompactMetrics, type Due } from "./metrics.ts";
import { Pins } from "./pins.ts";
import { COMPACTION_LIMITS, type CompactionLimits, planCompaction } from "./plan.ts";
import type { RetentionMs } from "./retention.ts";
import { Sweeper } from "./sweep.ts";
import { carriedOut } from "./tombstones.ts";

export type CompactDeps = {
  readonly store: ObjectStore;
  readonly catalog: BucketCatalog;
  readonly merge: Merge;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly registry: Registry;
  readonly tracer?: Tracer;
  readonly retentionMs: RetentionMs;
  /** Of the queries in this process. */
  readonly pins?: Pins;
  /** No other process uses this bucket: what nobody here points to is garbage soon. */
  readonly exclusive?: boolean;
  readonly limits?: Partial<CompactionLimits>;
  readonly intervalMs?: number;
  readonly retiredGraceMs?: number;
  /** A worker that has not renewed its claim for this long is taken for dead by the others. */
  readonly leaseExpiryMs?: number;
};

type Planned = { readonly plan: CompactionPlan; readonly state: CatalogState };

const NOBODYS: ReadonlySet<string> = new Set();
const INTERVAL_MS = SECOND_MS;
/** Beyond any query of this process that is not pinned yet; and, where others read, beyond any query of theirs. */
const RETIRED_GRACE_MS = { exclusive: 10 * SECOND_MS, shared: 15 * MINUTE_MS } as const;
/** Beyond any write from put to commit: of this process, and of others that may have slept. */
const ORPHAN_GRACE_MS = { exclusive: 2 * MINUTE_MS, shared: HOUR_MS } as const;
const ORPHAN_SWEEP_EVERY_MS = { exclusive: 2 * MINUTE_MS, shared: 10 * MINUTE_MS } as const;
/** A merge that others would take for dead is given up before they sweep its outputs. */
const MERGE_MS_MAX = 30 * MINUTE_MS;
/** An object whose merge failed is left alone for a while: damage does not heal, but must not keep others from being compacted either. */
const FAILED_FOR_MS = 10 * MINUTE_MS;
/** While the bucket is full or silent, merging again and again only takes the CPU from those who need it. */
const PAUSE: Backoff = { firstMs: 2 * SECOND_MS, maxMs: 30 * SECOND_MS };
/** What has expired may stay some minutes longer. */
const EXPIRY_CHECK_EVERY_MS = 5 * MINUTE_MS;
/** Small enough that a restart reads few entries, large enough that an idle server seldom writes. */
const QUIET_CHECKPOINT = { entries: 16, quietMs: 10 * SECOND_MS } as const;

/** SEGMENTS → BLOCKS: merges what has accumulated, carries out deletions and retention, and sweeps what nobody points to. */
export function startCompactRole(deps: CompactDeps): Running {
  const stopping = new AbortController();
  const compactor = new Compactor(deps);
  const running = compactor.run(stopping.signal);
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

/** One loop, so that nothing in here races with itself. {@link Compactor.tick} is the whole of it, for tests and the simulation. */
export class Compactor {
  readonly #deps: CompactDeps;
  readonly #limits: CompactionLimits;
  readonly #metrics: CompactMetrics;
  readonly #sweeper: Sweeper;
  /** None where nobody else compacts. */
  readonly #leases: Leases | undefined;
  readonly #orphanSweepEveryMs: number;
  readonly #failedUntil = new Map<string, number>();
  #orphansSweptMs = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;
  #expiryCheckedMs = Number.NEGATIVE_INFINITY;
  #changedMs: number;
  #changedVersion: number;

  constructor(deps: CompactDeps) {
    this.#deps = deps;
    this.#limits = { ...COMPACTION_LIMITS, ...deps.limits };
    this.#metrics = createCompactMetrics(deps.registry, deps.catalog, () => this.#due());
    const mode = deps.exclusive === true ? "exclusive" : "shared";
    this.#sweeper = new Sweeper({
      store: deps.store,
      catalog: deps.catalog,
      clock: deps.clock,
      pins: deps.pins ?? new Pins(),
      retiredGraceMs: deps.retiredGraceMs ?? RETIRED_GRACE_MS[mode],
      orphanGraceMs: ORPHAN_GRACE_MS[mode],
    });
    const expiry = deps.leaseExpiryMs === undefined ? {} : { expireAfterMs: deps.leaseExpiryMs };
    this.#leases = deps.exclusive === true ? undefined : new Leases({ ...deps, ...expiry });
    this.#orphanSweepEveryMs = ORPHAN_SWEEP_EVERY_MS[mode];
    this.#changedMs = deps.clock.monotonicMs();
    this.#changedVersion = deps.catalog.state.version;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    while (!signal.aborted) {
      const done = await this.tick(signal).catch((error: unknown) => {
        if (!signal.aborted) log.warn({ err: error }, "compaction failed, will be tried again");
        return 0;
      });
      if (done === 0) await clock.sleep((this.#deps.intervalMs ?? INTERVAL_MS) as DurationMs, signal);
    }
  }

  /** Does the most urgent compaction, if any, and then the sweeping. Gives the number of compactions done. */
  async tick(signal: AbortSignal): Promise<number> {
    const { catalog, clock } = this.#deps;
    const state = this.#leases === undefined ? catalog.state : await catalog.refresh(signal);
    const plan = clock.monotonicMs() < this.#pausedUntilMs ? undefined : this.#plan(state, NOBODYS);
    const done = plan === undefined ? 0 : await this.#claimAndCompact({ plan, state }, signal);
    await this.#tidy(signal);
    return done;
  }

  #plan(state: CatalogState, leased: ReadonlySet<string>): CompactionPlan | undefined {
    const { clock, retentionMs } = this.#deps;
    for (const [key, untilMs] of this.#failedUntil) if (untilMs <= clock.monotonicMs()) this.#failedUntil.delete(key);
    const except = new Set([...this.#failedUntil.keys(), ...leased]);
    const withExpired = clock.monotonicMs() - this.#expiryCheckedMs >= EXPIRY_CHECK_EVERY_MS;
    const [plan] = planCompaction({ state, nowMs: clock.nowMs(), limits: this.#limits, retentionMs, except, withExpired, plansMax: 1 });
    // While there is something to rewrite, the next round looks again.
    if (withExpired && plan === undefined) this.#expiryCheckedMs = clock.monotonicMs();
    return plan;
  }

  /** What would be merged now if a merge had no bounds. */
  #due(): Due {
    const { catalog, clock, retentionMs } = this.#deps;
    const limits = { ...this.#limits, inputBytesMax: Number.POSITIVE_INFINITY, serviceRowsMax: Number.POSITIVE_INFINITY };
    const except = new Set(this.#failedUntil.keys());
    const plansMax = Number.POSITIVE_INFINITY;
    const plans = planCompaction({ state: catalog.state, nowMs: clock.nowMs(), limits, retentionMs, except, withExpired: false, plansMax });
    return {
      objects: plans.reduce((sum, { inputKeys }) => sum + inputKeys.length, 0),
      sizeBytes: plans.reduce((sum, { inputBytes }) => sum + inputBytes, 0),
    };
  }

  /** Where others compact too, the plan is only a sign that there is work: what they leave of it is claimed, and then carried out. */
  async #claimAndCompact(alone: Planned, signal: AbortSignal): Promise<number> {
    if (this.#leases === undefined) return this.#compact(alone, undefined, signal);
    const claim = await this.#leases.claim(async (leased): Promise<(Planned & Pick<CompactionPlan, "inputKeys">) | undefined> => {
      const state = await this.#deps.catalog.refresh(signal);
      const plan = this.#plan(state, leased);
      return plan && { plan, state, inputKeys: plan.inputKeys };
    }, signal);
    if (claim === undefined) return 0;
    try {
      return await this.#compact(claim.chosen, claim.lease, signal);
    } finally {
      await claim.lease.release();
    }
  }

  async #compact({ plan, state }: Planned, lease: HeldLease | undefined, signal: AbortSignal): Promise<number> {
    const { clock, log } = this.#deps;
    const startMs = clock.monotonicMs();
    const over = new AbortController();
    const timer = clock.sleep(MERGE_MS_MAX as DurationMs, over.signal).then(() => over.abort(new Error("the merge took too long")));
    try {
      const either = AbortSignal.any([signal, over.signal, ...(lease === undefined ? [] : [lease.lost])]);
      const facts = { reason: plan.reason, objects: plan.inputKeys.length, input_bytes: plan.inputBytes };
      const { writtenBytes, blocks } = await (this.#deps.tracer ?? NO_TRACER).begin("compaction", { facts }, () =>
        carryOut(plan, state, { ...this.#deps, sweeper: this.#sweeper }, either),
      );
      const durationMs = clock.monotonicMs() - startMs;
      this.#failures = 0;
      this.#metrics.compactions.inc({ reason: plan.reason, outcome: "done" });
      this.#metrics.readBytes.inc(plan.inputBytes);
      this.#metrics.writtenBytes.inc(writtenBytes);
      this.#metrics.seconds.observe(durationMs / SECOND_MS);
      const sizes = { objects: plan.inputKeys.length, input_bytes: plan.inputBytes, blocks, output_bytes: writtenBytes };
      log.debug({ reason: plan.reason, ...sizes, duration_ms: Math.round(durationMs) }, "compacted");
      return 1;
    } catch (error) {
      if (signal.aborted) return 0;
      const isConflict = lease?.lost.aborted === true || (isCoded(error) && error.kind === FaultKind.Conflict);
      this.#metrics.compactions.inc({ reason: plan.reason, outcome: isConflict ? "overtaken" : "failed" });
      if (!isConflict) this.#leaveAlone(plan, error);
      return 0;
    } finally {
      over.abort();
      await timer;
    }
  }

  /** The object that the fault names, or all of the plan when it names none. An unavailable bucket is nobody's fault. */
  #leaveAlone(plan: CompactionPlan, error: unknown): void {
    this.#deps.log.error(
      { err: error, reason: plan.reason, objects: plan.inputKeys.length },
      "compaction failed, its inputs stay as they are",
    );
    if (isCoded(error) && error.kind === FaultKind.Unavailable) {
      const { clock, random } = this.#deps;
      this.#pausedUntilMs = clock.monotonicMs() + backoffMs(PAUSE, ++this.#failures, random);
      return;
    }
    const named = isCoded(error) && typeof error.facts["key"] === "string" ? error.facts["key"] : undefined;
    const keys = named !== undefined && plan.inputKeys.includes(named) ? [named] : plan.inputKeys;
    for (const key of keys) this.#failedUntil.set(key, this.#deps.clock.monotonicMs() + FAILED_FOR_MS);
  }

  async #tidy(signal: AbortSignal): Promise<void> {
    const { catalog, clock } = this.#deps;
    this.#metrics.swept.inc(await this.#sweeper.sweepRetired(signal));
    if (clock.monotonicMs() - this.#orphansSweptMs >= this.#orphanSweepEveryMs) {
      this.#orphansSweptMs = clock.monotonicMs();
      this.#metrics.orphans.inc(await this.#sweeper.findOrphans(signal));
      await this.#dropTombstones();
    }
    if (catalog.state.version !== this.#changedVersion) {
      this.#changedVersion = catalog.state.version;
      this.#changedMs = clock.monotonicMs();
    }
    const isQuiet = clock.monotonicMs() - this.#changedMs >= QUIET_CHECKPOINT.quietMs;
    if (isQuiet && catalog.entriesSinceCheckpoint >= QUIET_CHECKPOINT.entries) await catalog.checkpoint();
  }

  async #dropTombstones(): Promise<void> {
    const { catalog, clock } = this.#deps;
    if (carriedOut(catalog.state, clock.nowMs()).length === 0) return;
    await catalog.commit((state) => {
      const tombstonesDropped = carriedOut(state, clock.nowMs());
      return tombstonesDropped.length === 0 ? undefined : { added: [], retired: [], consumed: [], tombstonesAdded: [], tombstonesDropped };
    });
  }
}

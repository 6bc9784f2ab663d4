import type { Clock } from "../../pipeline/base/clock.ts";
import { isCoded } from "../../pipeline/base/errors.ts";
import type { Log } from "../../pipeline/base/log.ts";
import type { DurationMs } from "../../pipeline/base/units.ts";
import type { Cluster } from "../kube/cluster.ts";
import { type KubeObject, numberAt, textAt } from "../kube/object.ts";

export type LeaseOptions = { readonly namespace: string; readonly name: string; readonly identity: string };
export type LeaseTimes = {
  /** Others take over what was not renewed for so long. */
  readonly durationMs: number;
  /** How often the leader renews, and others look. */
  readonly renewMs: number;
  /** How soon after a failure it is tried again. */
  readonly retryMs: number;
  /** A leader that could not renew for so long steps down: well before others may take over. */
  readonly giveUpMs: number;
};

/** Seldom enough to be no burden; two renewals may fail before a leader gives up. */
export const LEASE_TIMES: LeaseTimes = { durationMs: 15_000, renewMs: 5_000, retryMs: 2_000, giveUpMs: 10_000 };

/** How somebody else's lease looked, and when we first saw it so: clocks of two machines are never compared. */
export type Sighting = { readonly version: string; readonly sinceMs: number };

export type Claim = { readonly kind: "take" | "renew"; readonly transitions: number } | { readonly kind: "wait" };

/** Whether the lease is ours to write. Pure; `sighting` is of this very lease. */
export function claimOf(
  lease: KubeObject | undefined,
  identity: string,
  sighting: Sighting | undefined,
  nowMs: number,
  times: LeaseTimes,
): Claim {
  if (lease === undefined) return { kind: "take", transitions: 0 };
  const holder = textAt(lease, "spec", "holderIdentity") ?? "";
  const transitions = numberAt(lease, "spec", "leaseTransitions") ?? 0;
  if (holder === identity) return { kind: "renew", transitions };
  const lifeMs = (numberAt(lease, "spec", "leaseDurationSeconds") ?? times.durationMs / 1000) * 1000;
  if (holder === "" || (sighting !== undefined && nowMs - sighting.sinceMs >= lifeMs))
    return { kind: "take", transitions: transitions + 1 };
  return { kind: "wait" };
}

export type LeaderDeps = { readonly cluster: Pick<Cluster, "get" | "create" | "replace">; readonly clock: Clock; readonly log: Log };

/**
 * Waits until the lease is ours, calls `lead`, and renews: one write each time, by the version that the last one gave. `lost` is aborted when
 * others may take over; whoever leads must have stopped writing then. Resolves when `signal` ended it, with the lease given up, or when it was lost.
 */
export async function leadWhile(
  options: LeaseOptions,
  deps: LeaderDeps,
  lead: (lost: AbortSignal) => Promise<void>,
  signal: AbortSignal,
  times: LeaseTimes = LEASE_TIMES,
): Promise<void> {
  const { clock, log } = deps;
  const lease = new Lease(options, deps, times);
  if (!(await lease.take(signal))) return;
  log.info({ identity: options.identity }, "leading");
  const lost = new AbortController();
  const leading = lead(lost.signal).finally(() => lost.abort());
  const ending = AbortSignal.any([signal, lost.signal]);
  const leftMs = (): number => times.giveUpMs - (clock.monotonicMs() - lease.renewedMs);
  let pauseMs = times.renewMs;
  let renewing: Promise<unknown> = Promise.resolve();
  for (;;) {
    await clock.sleep(Math.min(pauseMs, leftMs()) as DurationMs, ending);
    if (ending.aborted || leftMs() <= 0) break;
    // A server that keeps us waiting is no better than one that is away.
    const patience = new AbortController();
    const late = clock.sleep(leftMs() as DurationMs, AbortSignal.any([ending, patience.signal])).then(() => "late" as const);
    const attempt = lease.renew();
    renewing = attempt;
    const outcome = await Promise.race([attempt, late]);
    patience.abort();
    if (outcome === "taken" || outcome === "late") break;
    pauseMs = outcome === "renewed" ? times.renewMs : times.retryMs;
  }
  const orderly = signal.aborted && !lost.signal.aborted;
  lost.abort();
  await leading;
  if (orderly) {
    // A renewal that is on its way would make what is given up another version.
    await Promise.race([renewing, clock.sleep(times.retryMs as DurationMs)]);
    await lease.release();
  }
  if (!orderly) log.warn({ identity: options.identity }, "lease lost");
}

/** The lease as we last saw or wrote it. */
class Lease {
  readonly #options: LeaseOptions;
  readonly #deps: LeaderDeps;
  readonly #times: LeaseTimes;
  readonly #ref: Parameters<Cluster["get"]>[0];
  #last: KubeObject | undefined;
  #transitions = 0;
  #renewedMs = 0;

  constructor(options: LeaseOptions, deps: LeaderDeps, times: LeaseTimes) {
    this.#options = options;
    this.#deps = deps;
    this.#times = times;
    this.#ref = {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: options.name, namespace: options.namespace },
    };
  }

  /** When the last write that succeeded was sent: from then on others count. */
  get renewedMs(): number {
    return this.#renewedMs;
  }

  /** Looks until it can be taken, and takes it; false when the signal came first. */
  async take(signal: AbortSignal): Promise<boolean> {
    const { cluster, clock, log } = this.#deps;
    let sighting: Sighting | undefined;
    while (!signal.aborted) {
      try {
        this.#last = await cluster.get(this.#ref);
        const version = this.#last?.metadata.resourceVersion ?? "";
        const nowMs = clock.monotonicMs();
        if (sighting?.version !== version) sighting = { version, sinceMs: nowMs };
        const claim = claimOf(this.#last, this.#options.identity, sighting, nowMs, this.#times);
        if (claim.kind !== "wait") {
          this.#transitions = claim.transitions;
          await this.#write(claim.kind === "take");
          return true;
        }
      } catch (error) {
        if (!isCoded(error)) throw error;
        if (error.code !== "cluster_conflict") log.warn({ err: error }, "lease not reached");
      }
      await clock.sleep(this.#times.renewMs as DurationMs, signal);
    }
    return false;
  }

  /** Never rejects: "failed" is worth another try. */
  async renew(): Promise<"renewed" | "failed" | "taken"> {
    const { cluster, log } = this.#deps;
    try {
      // Somebody has written it since we did: it may be ours all the same.
      this.#last ??= await cluster.get(this.#ref);
      if (this.#last !== undefined && holderOf(this.#last) !== this.#options.identity) return "taken";
      await this.#write(false);
      return "renewed";
    } catch (error) {
      this.#last = undefined;
      if (!isCoded(error, "cluster_conflict") && !isCoded(error, "cluster_not_found")) log.warn({ err: error }, "lease not reached");
      return "failed";
    }
  }

  /** So that the next one need not wait. */
  async release(): Promise<void> {
    const lease = this.#last;
    if (lease === undefined) return;
    try {
      // By its version: one that somebody else has taken stays theirs.
      await this.#deps.cluster.replace({ ...lease, spec: { ...(lease["spec"] as object), holderIdentity: "", leaseDurationSeconds: 1 } });
    } catch (error) {
      if (!isCoded(error)) throw error;
    }
  }

  async #write(isTaking: boolean): Promise<void> {
    const { cluster, clock } = this.#deps;
    const sentMs = clock.monotonicMs();
    const time = new Date(clock.nowMs()).toISOString().replace("Z", "000Z");
    const spec = {
      holderIdentity: this.#options.identity,
      leaseDurationSeconds: Math.ceil(this.#times.durationMs / 1000),
      acquireTime: isTaking ? time : (textAt(this.#last, "spec", "acquireTime") ?? time),
      renewTime: time,
      leaseTransitions: this.#transitions,
    };
    // With the version it had: of two who take it at once, one fails.
    const written =
      this.#last === undefined
        ? await cluster.create({ ...this.#ref, spec })
        : await cluster.replace({ ...this.#last, apiVersion: this.#ref.apiVersion, kind: this.#ref.kind, spec });
    this.#renewedMs = sentMs;
    this.#last = { ...written, apiVersion: this.#ref.apiVersion, kind: this.#ref.kind };
  }
}

function holderOf(lease: KubeObject): string {
  return textAt(lease, "spec", "holderIdentity") ?? "";
}

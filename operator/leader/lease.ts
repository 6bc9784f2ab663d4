import type { Clock } from "../../pipeline/base/clock.ts";
import { isCoded } from "../../pipeline/base/errors.ts";
import type { Log } from "../../pipeline/base/log.ts";
import type { DurationMs, UnixMs } from "../../pipeline/base/units.ts";
import type { Cluster } from "../kube/cluster.ts";
import { type KubeObject, numberAt, textAt } from "../kube/object.ts";

export type LeaseOptions = { readonly namespace: string; readonly name: string; readonly identity: string };
export type LeaseTimes = { readonly durationMs: number; readonly renewMs: number; readonly giveUpMs: number };

/** A leader that cannot renew steps down well before others may take over. */
export const LEASE_TIMES: LeaseTimes = { durationMs: 15_000, renewMs: 2_000, giveUpMs: 10_000 };

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

export type LeaderDeps = { readonly cluster: Cluster; readonly clock: Clock; readonly log: Log };

/**
 * Waits until the lease is ours, calls `lead`, and renews. `lost` is aborted when others may take over; whoever leads must have stopped
 * writing then. Resolves when `signal` ended it, with the lease given up, or when it was lost.
 */
export async function leadWhile(
  options: LeaseOptions,
  { cluster, clock, log }: LeaderDeps,
  lead: (lost: AbortSignal) => Promise<void>,
  signal: AbortSignal,
  times: LeaseTimes = LEASE_TIMES,
): Promise<void> {
  const ref = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name: options.name, namespace: options.namespace } };
  const lost = new AbortController();
  let sighting: Sighting | undefined;
  let leading: Promise<void> | undefined;
  let renewedMs = 0;
  while (!signal.aborted && !lost.signal.aborted) {
    try {
      const lease = await cluster.get(ref);
      const version = lease?.metadata.resourceVersion ?? "";
      if (sighting?.version !== version) sighting = { version, sinceMs: clock.monotonicMs() };
      const askedMs = clock.monotonicMs();
      const claim = claimOf(lease, options.identity, sighting, askedMs, times);
      if (claim.kind === "wait" && leading !== undefined) lost.abort();
      if (claim.kind !== "wait") {
        await write(cluster, lease, ref, {
          ...options,
          transitions: claim.transitions,
          nowMs: clock.nowMs(),
          times,
          taking: claim.kind === "take",
        });
        renewedMs = askedMs;
        if (leading === undefined) {
          log.info({ identity: options.identity }, "leading");
          leading = lead(lost.signal).finally(() => lost.abort());
        }
      }
    } catch (error) {
      if (!isCoded(error)) throw error;
      if (error.code !== "cluster_conflict") log.warn({ err: error }, "lease not reached");
    }
    if (leading !== undefined && clock.monotonicMs() - renewedMs > times.giveUpMs) lost.abort();
    await clock.sleep(times.renewMs as DurationMs, AbortSignal.any([signal, lost.signal]));
  }
  const orderly = signal.aborted && !lost.signal.aborted;
  lost.abort();
  await leading;
  if (orderly && leading !== undefined) await release(cluster, ref, options.identity);
  if (!orderly) log.warn({ identity: options.identity }, "lease lost");
}

type Writing = LeaseOptions & {
  readonly transitions: number;
  readonly nowMs: UnixMs;
  readonly times: LeaseTimes;
  readonly taking: boolean;
};

async function write(cluster: Cluster, lease: KubeObject | undefined, ref: Parameters<Cluster["get"]>[0], writing: Writing): Promise<void> {
  const time = new Date(writing.nowMs).toISOString().replace("Z", "000Z");
  const spec = {
    holderIdentity: writing.identity,
    leaseDurationSeconds: Math.ceil(writing.times.durationMs / 1000),
    acquireTime: writing.taking ? time : (textAt(lease, "spec", "acquireTime") ?? time),
    renewTime: time,
    leaseTransitions: writing.transitions,
  };
  if (lease === undefined) await cluster.create({ ...ref, spec });
  // With the version it had: of two who take it at once, one fails.
  else await cluster.replace({ ...lease, apiVersion: ref.apiVersion, kind: ref.kind, spec });
}

/** So that the next one need not wait. */
async function release(cluster: Cluster, ref: Parameters<Cluster["get"]>[0], identity: string): Promise<void> {
  try {
    const lease = await cluster.get(ref);
    if (lease === undefined || textAt(lease, "spec", "holderIdentity") !== identity) return;
    await cluster.replace({
      ...lease,
      apiVersion: ref.apiVersion,
      kind: ref.kind,
      spec: { ...(lease["spec"] as object), holderIdentity: "", leaseDurationSeconds: 1 },
    });
  } catch (error) {
    if (!isCoded(error)) throw error;
  }
}

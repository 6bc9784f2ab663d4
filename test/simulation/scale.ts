import { type DurationMs, KIB, SECOND_MS, type UnixMs } from "../../pipeline/base/units.ts";
import type { LiveObject } from "../../pipeline/catalog/catalog.ts";
import { applyChange, EMPTY_STATE, type FoldedState } from "../../pipeline/catalog/state.ts";
import { change, liveObject } from "../../pipeline/catalog/testing.ts";
import { assignPartitions } from "../../pipeline/queue/jetstream/assignment.ts";
import type { CompactionPlan } from "../../pipeline/roles/compact/compaction-plan.ts";
import { COMPACTION_LIMITS, planCompaction } from "../../pipeline/roles/compact/plan.ts";
import { partitionOf } from "../../pipeline/roles/ingest/partition.ts";
import { type BatchLimits, waitForMoreMs } from "../../pipeline/roles/segment/batch.ts";
import { START_MS } from "./scenario.ts";

/*
 * A hundred thousand nodes on paper: the pure planners of the pipeline with the rates of such a fleet, without a byte of data. What they decide is
 * counted: commits, shares, objects that wait, bytes that are read again.
 */

export type Fleet = {
  readonly profilesPerSecond: number;
  readonly services: number;
  readonly workers: number;
  readonly partitions: number;
  readonly shards: number;
  readonly compactorsPerShard: number;
  readonly limits: BatchLimits;
};

/** A profile as the queue carries it, as a segment holds it, and what a merge of segments leaves of it. */
const QUEUED_BYTES = 20 * KIB;
const SEGMENT_BYTES = 5 * KIB;
const MERGED_OF_SEGMENT = 0.5;
/** What one compactor reads in a second, on one core. */
const READ_BYTES_PER_SECOND = 40 * KIB * KIB;

export type ShardReport = {
  readonly commitsPerSecond: number;
  /** The most segments that were live at once, in the second half of the time. */
  readonly segmentsMax: number;
  readonly objectsMax: number;
  /** Bytes that compaction read for each byte that segments brought. */
  readonly readPerByte: number;
};

/** How even the partitions are, and how many profiles of a second the busiest worker gets, as a multiple of the mean. */
export function sharesOf({ services, workers, partitions }: Fleet): { readonly busiestPartition: number; readonly busiestWorker: number } {
  const byPartition = new Array<number>(partitions).fill(0);
  for (let service = 0; service < services; service++)
    byPartition[partitionOf(`tenant-${service % 20}`, `service-${service}`, partitions)]! += 1;
  const names = Array.from({ length: workers }, (_, i) => `worker-${i}`);
  const byWorker = [...assignPartitions(names, partitions).values()].map((mine) => mine.reduce((sum, i) => sum + byPartition[i]!, 0));
  return {
    busiestPartition: Math.max(...byPartition) / (services / partitions),
    busiestWorker: Math.max(...byWorker) / (services / workers),
  };
}

/** How long a batch stays open when messages come at an even rate, by the rules of the segment role. */
export function batchMs({ profilesPerSecond, workers, limits }: Fleet): { readonly ms: number; readonly messages: number } {
  const perMs = profilesPerSecond / workers / SECOND_MS;
  for (let ms = 1; ; ms++) {
    const messages = Math.floor(ms * perMs);
    if (messages === 0) continue;
    const batch = { messages, bytes: messages * QUEUED_BYTES, openedMs: 0, lastMs: ms };
    if (waitForMoreMs(batch, limits, ms) === 0) return { ms, messages };
  }
}

/** One shard of the catalog for some simulated time, with its workers' commits and its compactors'. */
export function runShard(fleet: Fleet, durationMs: DurationMs): ShardReport {
  const { ms: flushMs, messages } = batchMs(fleet);
  const workers = Math.ceil(fleet.workers / fleet.shards);
  let state: FoldedState = EMPTY_STATE;
  let made = 0;
  let [commits, readBytes, broughtBytes, segmentsMax, objectsMax] = [0, 0, 0, 0, 0];
  const running = new Map<CompactionPlan, number>();
  const nextCommitMs = Array.from({ length: workers }, (_, i) => START_MS + (i * flushMs) / workers);

  const add = (level: number, sizeBytes: number, nowMs: number, retired: readonly string[] = []): void => {
    const times = { minTimeNs: BigInt(Math.floor(nowMs)) * 1_000_000n, maxTimeNs: BigInt(Math.floor(nowMs)) * 1_000_000n };
    const object: LiveObject = liveObject(`${level}/${made++}`, { level, sizeBytes, createdMs: nowMs as UnixMs, ...times });
    state = applyChange(state, change({ added: [object], retired }));
    commits++;
  };

  for (let nowMs = START_MS; nowMs < START_MS + durationMs; nowMs += SECOND_MS / 4) {
    for (let worker = 0; worker < workers; worker++) {
      for (; nextCommitMs[worker]! <= nowMs; nextCommitMs[worker]! += flushMs) {
        add(0, messages * SEGMENT_BYTES, nowMs);
        broughtBytes += messages * SEGMENT_BYTES;
      }
    }
    for (const [plan, doneMs] of running) {
      if (doneMs > nowMs) continue;
      running.delete(plan);
      const level = Math.max(...plan.inputKeys.map((key) => state.objects.get(key)!.level)) + 1;
      add(level, plan.inputBytes * (level === 1 ? MERGED_OF_SEGMENT : 1), nowMs, plan.inputKeys);
    }
    // Whoever is idle looks at what nobody works on.
    while (running.size < fleet.compactorsPerShard) {
      const except = new Set([...running.keys()].flatMap(({ inputKeys }) => inputKeys));
      const [plan] = planCompaction({
        state,
        nowMs: nowMs as UnixMs,
        limits: COMPACTION_LIMITS,
        retentionMs: () => 0,
        except,
        withExpired: false,
        plansMax: 1,
      });
      if (plan === undefined) break;
      readBytes += plan.inputBytes;
      running.set(plan, nowMs + (plan.inputBytes / READ_BYTES_PER_SECOND) * SECOND_MS);
    }
    if (nowMs < START_MS + durationMs / 2) continue;
    let segments = 0;
    for (const { level } of state.objects.values()) if (level === 0) segments++;
    segmentsMax = Math.max(segmentsMax, segments);
    objectsMax = Math.max(objectsMax, state.objects.size);
  }
  return { commitsPerSecond: commits / (durationMs / SECOND_MS), segmentsMax, objectsMax, readPerByte: readBytes / broughtBytes };
}

import { type MessagePort, workerData } from "node:worker_threads";
import { systemClock } from "../../base/clock.ts";
import { CodedError, FaultKind, type FaultRecord, faultRecord, isCoded } from "../../base/errors.ts";
import { systemRandom } from "../../base/random.ts";
import type { SpanContext } from "../../base/trace.ts";
import { type Traced, tracedTask } from "../../base/traced-task.ts";
import type { Bytes } from "../../base/units.ts";
import type { CatalogState } from "../../catalog/catalog.ts";
import type { FoldedState } from "../../catalog/state.ts";
import type { StoreLocation } from "../../objects/location.ts";
import { attachStore } from "../../objects/open-store.ts";
import { answer } from "./answer.ts";
import { applyUpdate, type StateUpdate } from "./catalog-replica.ts";
import { RangeFiles, type RangeFilesOptions } from "./disk-cache/range-files.ts";
import { BlockEngine, type EngineLimits } from "./engine.ts";
import { queryCancelled } from "./pace.ts";
import type { Question } from "./question.ts";
import { QuestionLine } from "./question-line.ts";
import type { ReadRange } from "./read.ts";
import { SectionCache } from "./section-cache.ts";
import { answerPart } from "./share/answer-part.ts";
import { decodePart } from "./share/part.ts";
import { SharedEngine } from "./share/shared-engine.ts";

/*
 * A query thread: keeps a copy of the catalog's state and a cache of sections, and turns questions into response bytes. Both can be
 * lost with the thread.
 */

export type QueryThreadData = {
  readonly location: StoreLocation;
  readonly cacheBytes: Bytes;
  /** Undefined: ranges are not kept on disk. */
  readonly rangeFiles: RangeFilesOptions | undefined;
};

/** A question over the catalog, or a part of another querier's question, which brings along what it needs of the catalog. */
export type QueryJob =
  | {
      readonly kind: "question";
      readonly question: Question;
      readonly update: StateUpdate | undefined;
      readonly version: number;
      /** Undefined: there are no peers. */
      readonly shareAboveBytes: number | undefined;
    }
  | { readonly kind: "part"; readonly part: Uint8Array };

/** `line` is the job's own, see {@link QuestionLine}. */
export type QueryTask = {
  readonly job: QueryJob;
  readonly limits: EngineLimits;
  readonly line: MessagePort;
  /** The span that waits for the answer. */
  readonly trace: SpanContext | undefined;
};

/** `stale`: the thread does not have the state the task was planned with (it was started anew): send it whole. */
export type QueryReply =
  | { readonly kind: "answer"; readonly bytes: Uint8Array; readonly cost: QueryCost }
  | { readonly kind: "fault"; readonly fault: FaultRecord; readonly cost: QueryCost }
  | { readonly kind: "stale" };

/** Of one job; `cacheBytes` is what the thread's cache holds now. */
export type QueryCost = {
  readonly bytesRead: number;
  readonly cacheHits: number;
  readonly cacheMisses: number;
  readonly cacheBytes: number;
  /** Ranges that were on disk. */
  readonly diskHits: number;
};

const { location, cacheBytes, rangeFiles } = threadData();
const store = await attachStore(location);
const cache = new SectionCache(cacheBytes);
const files = rangeFiles === undefined ? undefined : new RangeFiles(rangeFiles, systemClock);
const readBucket: ReadRange = (key, offset, size, signal) => store.getRange(key, offset, size, signal);
const readRange = files?.through(readBucket) ?? readBucket;
let newest: FoldedState | undefined;

/** With the spans of the work, if it is traced. */
export default function run(task: QueryTask): Promise<Traced<QueryReply>> {
  return tracedTask(task.job.kind === "part" ? "answer part" : "answer", task.trace, systemRandom, () => reply(task));
}

async function reply({ job, limits, line: port }: QueryTask): Promise<QueryReply> {
  const line = new QuestionLine(port);
  try {
    if (job.kind === "part") return await work(() => partWork(job.part, limits, line), line);
    if (job.update !== undefined) newest = applyUpdate(newest, job.update);
    const state = newest;
    if (state === undefined || state.version < job.version) return { kind: "stale" };
    return await work(() => questionWork(job, state, limits, line), line);
  } finally {
    line.close();
  }
}

/** What is read with which engine. */
type Work = { readonly engine: BlockEngine; readonly bytes: Promise<Uint8Array> };

function questionWork(
  { question, shareAboveBytes }: Extract<QueryJob, { kind: "question" }>,
  state: CatalogState,
  limits: EngineLimits,
  line: QuestionLine,
): Work {
  const engine = openEngine(state, limits, line, false);
  if (shareAboveBytes === undefined) return { engine, bytes: answer(question, engine) };
  const askPeer = (part: Uint8Array): Promise<Uint8Array> => line.askPeer(part, engine.leftMs);
  return { engine, bytes: answer(question, new SharedEngine({ state, local: engine, askPeer, shareAboveBytes })) };
}

function partWork(bytes: Uint8Array, limits: EngineLimits, line: QuestionLine): Work {
  const { call, state, isDistinct, bytesMax } = decodePart(bytes);
  const engine = openEngine(state, { ...limits, bytesMax }, line, isDistinct);
  return { engine, bytes: answerPart(call, engine) };
}

function openEngine(state: CatalogState, limits: EngineLimits, line: QuestionLine, isDistinct: boolean): BlockEngine {
  return new BlockEngine({ state, readRange, cache, clock: systemClock, limits, signal: line.signal, isDistinct });
}

async function work(begin: () => Work, { signal }: QuestionLine): Promise<QueryReply> {
  const { hits, misses } = cache;
  const diskHits = files?.hits ?? 0;
  let engine: BlockEngine | undefined;
  const cost = (): QueryCost => ({
    bytesRead: engine?.bytesRead ?? 0,
    cacheHits: cache.hits - hits,
    cacheMisses: cache.misses - misses,
    cacheBytes: cache.sizeBytes,
    diskHits: (files?.hits ?? 0) - diskHits,
  });
  try {
    const begun = begin();
    engine = begun.engine;
    return { kind: "answer", bytes: await Promise.race([begun.bytes, cancelled(signal)]), cost: cost() };
  } catch (error) {
    return { kind: "fault", fault: faultRecord(codedFault(error)), cost: cost() };
  }
}

/** What is left behind ends at its next step; its place need not wait for that. */
function cancelled(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(queryCancelled());
    signal.addEventListener("abort", () => reject(queryCancelled()), { once: true });
  });
}

function codedFault(error: unknown): CodedError {
  if (isCoded(error)) return error;
  return new CodedError("query_failed", FaultKind.Corrupt, `the query failed: ${String(error)}; this is a defect of brazier`, {
    facts: { stack: error instanceof Error ? error.stack : undefined },
  });
}

/** Piscina hands its own data in front of ours. */
function threadData(): QueryThreadData {
  return (Array.isArray(workerData) ? workerData[1] : workerData) as QueryThreadData;
}

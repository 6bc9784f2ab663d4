import { type MessagePort, workerData } from "node:worker_threads";
import { systemClock } from "../../base/clock.ts";
import { CodedError, FaultKind, type FaultRecord, faultRecord, isCoded } from "../../base/errors.ts";
import type { Bytes } from "../../base/units.ts";
import type { CatalogState } from "../../catalog/catalog.ts";
import type { FoldedState } from "../../catalog/state.ts";
import { attachDirectoryStore } from "../../objects/directory.ts";
import { answer } from "./answer.ts";
import { applyUpdate, type StateUpdate } from "./catalog-replica.ts";
import { BlockEngine, type EngineLimits } from "./engine.ts";
import { queryCancelled } from "./pace.ts";
import type { Question } from "./question.ts";
import { SectionCache } from "./section-cache.ts";

/*
 * A query thread: keeps a copy of the catalog's state and a cache of sections, and turns questions into response bytes. Both can be
 * lost with the thread.
 */

export type QueryThreadData = { readonly storePath: string; readonly cacheBytes: Bytes };

/** `line` is the question's own: it says when nobody waits any more. */
export type QueryTask = {
  readonly question: Question;
  readonly update: StateUpdate | undefined;
  readonly version: number;
  readonly limits: EngineLimits;
  readonly line: MessagePort;
};

/** What the main thread says on a task's line. */
export type LineMessage = { readonly kind: "cancel" };

/** `stale`: the thread does not have the state the task was planned with (it was started anew): send it whole. */
export type QueryReply =
  | { readonly kind: "answer"; readonly bytes: Uint8Array; readonly cost: QueryCost }
  | { readonly kind: "fault"; readonly fault: FaultRecord; readonly cost: QueryCost }
  | { readonly kind: "stale" };

/** Of one question; `cacheBytes` is what the thread's cache holds now. */
export type QueryCost = {
  readonly bytesRead: number;
  readonly cacheHits: number;
  readonly cacheMisses: number;
  readonly cacheBytes: number;
};

const { storePath, cacheBytes } = threadData();
const store = attachDirectoryStore({ path: storePath });
const cache = new SectionCache(cacheBytes);
let newest: FoldedState | undefined;

export default async function run({ question, update, version, limits, line }: QueryTask): Promise<QueryReply> {
  if (update !== undefined) newest = applyUpdate(newest, update);
  const state = newest;
  try {
    return state === undefined || state.version < version ? { kind: "stale" } : await answerFrom(state, question, limits, line);
  } finally {
    line.close();
  }
}

async function answerFrom(state: CatalogState, question: Question, limits: EngineLimits, line: MessagePort): Promise<QueryReply> {
  const { hits, misses } = cache;
  const gone = new AbortController();
  const engine = new BlockEngine({ state, readRange: store.getRange.bind(store), cache, clock: systemClock, limits, signal: gone.signal });
  // What is left behind ends at its next step; its slot need not wait for that.
  const cancelled = new Promise<never>((_, reject) => {
    line.on("message", ({ kind }: LineMessage) => {
      if (kind !== "cancel") return;
      gone.abort();
      reject(queryCancelled());
    });
  });
  const cost = (): QueryCost => ({
    bytesRead: engine.bytesRead,
    cacheHits: cache.hits - hits,
    cacheMisses: cache.misses - misses,
    cacheBytes: cache.sizeBytes,
  });
  try {
    return { kind: "answer", bytes: await Promise.race([answer(question, engine), cancelled]), cost: cost() };
  } catch (error) {
    return { kind: "fault", fault: faultRecord(codedFault(error)), cost: cost() };
  }
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

import { workerData } from "node:worker_threads";
import { systemClock } from "../../base/clock.ts";
import { CodedError, FaultKind, type FaultRecord, faultRecord, isCoded } from "../../base/errors.ts";
import { systemRandom } from "../../base/random.ts";
import type { SpanContext } from "../../base/trace.ts";
import { type Traced, tracedTask } from "../../base/traced-task.ts";
import type { Bytes } from "../../base/units.ts";
import type { FoldedState } from "../../catalog/state.ts";
import { attachDirectoryStore } from "../../objects/directory.ts";
import { answer } from "./answer.ts";
import { applyUpdate, type StateUpdate } from "./catalog-replica.ts";
import { BlockEngine, type EngineLimits } from "./engine.ts";
import type { Question } from "./question.ts";
import { SectionCache } from "./section-cache.ts";

/*
 * A query thread: keeps a copy of the catalog's state and a cache of sections, and turns questions into response bytes. Both can be
 * lost with the thread.
 */

export type QueryThreadData = { readonly storePath: string; readonly cacheBytes: Bytes; readonly limits: EngineLimits };

export type QueryTask = {
  readonly question: Question;
  readonly update: StateUpdate | undefined;
  readonly version: number;
  /** The span that waits for the answer. */
  readonly trace: SpanContext | undefined;
};

/** `stale`: the thread does not have the state the task was planned with (it was started anew): send it whole. */
export type QueryReply =
  | { readonly kind: "answer"; readonly bytes: Uint8Array; readonly cacheBytes: number }
  | { readonly kind: "fault"; readonly fault: FaultRecord }
  | { readonly kind: "stale" };

const { storePath, cacheBytes, limits } = threadData();
const store = attachDirectoryStore({ path: storePath });
const cache = new SectionCache(cacheBytes);
let newest: FoldedState | undefined;

/** With the spans of the work, if it is traced. */
export default function run(task: QueryTask): Promise<Traced<QueryReply>> {
  return tracedTask("answer", task.trace, systemRandom, () => reply(task));
}

async function reply({ question, update, version }: QueryTask): Promise<QueryReply> {
  if (update !== undefined) newest = applyUpdate(newest, update);
  if (newest === undefined || newest.version < version) return { kind: "stale" };
  const state = newest;
  const readRange = (key: string, offset: number, size: number): Promise<Uint8Array> => store.getRange(key, offset, size);
  try {
    const engine = new BlockEngine({ state, readRange, cache, clock: systemClock, limits });
    return { kind: "answer", bytes: await answer(question, engine), cacheBytes: cache.sizeBytes };
  } catch (error) {
    const coded = isCoded(error)
      ? error
      : new CodedError("query_failed", FaultKind.Corrupt, `the query failed: ${String(error)}; this is a defect of brazier`, {
          facts: { stack: error instanceof Error ? error.stack : undefined },
        });
    return { kind: "fault", fault: faultRecord(coded) };
  }
}

/** Piscina hands its own data in front of ours. */
function threadData(): QueryThreadData {
  return (Array.isArray(workerData) ? workerData[1] : workerData) as QueryThreadData;
}

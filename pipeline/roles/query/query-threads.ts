import { Piscina } from "piscina";
import { CodedError, FaultKind, faultFromRecord } from "../../base/errors.ts";
import { currentContext, recordHere } from "../../base/trace.ts";
import type { Traced } from "../../base/traced-task.ts";
import type { Bytes } from "../../base/units.ts";
import type { CatalogState } from "../../catalog/catalog.ts";
import type { StoreLocation } from "../../objects/location.ts";
import { encodeUpdate } from "./catalog-replica.ts";
import type { RangeFilesOptions } from "./disk-cache/range-files.ts";
import type { EngineLimits } from "./engine.ts";
import type { QueryCost, QueryJob, QueryReply, QueryTask, QueryThreadData } from "./query-thread.ts";
import type { Question } from "./question.ts";
import { type AskPeers, openLine } from "./question-line.ts";

export type QueryThreadsOptions = {
  readonly location: StoreLocation;
  readonly threads: number;
  /** Of all threads together. */
  readonly cacheBytes: Bytes;
  /** Undefined: ranges of the bucket are not kept on disk. */
  readonly rangeFiles: RangeFilesOptions | undefined;
  /** Questions one thread works on at once: they wait for the bucket more than they compute. */
  readonly questionsPerThread: number;
  /** Parts of other queriers' questions beside them. */
  readonly partsPerThread: number;
  /** Undefined: there are no peers. */
  readonly sharing: Sharing | undefined;
  readonly idleMs: number;
};

type ThreadWork = {
  readonly limits: EngineLimits;
  readonly signal: AbortSignal;
  /** Told once, whether there is an answer or a fault. */
  readonly onCost: (cost: QueryCost) => void;
};

/** One question for the threads. */
export type ThreadQuestion = ThreadWork & {
  readonly question: Question;
  /** The answer is that of this state or a newer one. */
  readonly state: CatalogState;
};

/** A part of another querier's question. */
export type ThreadPart = ThreadWork & { readonly part: Uint8Array };

/** How large questions are shared with peers. */
export type Sharing = { readonly aboveBytes: number; readonly askPeers: AskPeers };

/** One thread, the newest catalog state it was sent, the questions it has, and the bytes its cache held last. */
type QueryThread = { readonly pool: Piscina; sent: CatalogState | undefined; open: number; cacheBytes: number };

/**
 * The threads that answer questions, so that no question stalls the listener. Each is a pool of one: it has a copy of the catalog, and
 * must be told what changed.
 *
 * Errors: those of the engine and the answers; `query_thread_lost` (unavailable).
 */
export class QueryThreads {
  readonly #threads: readonly QueryThread[];
  readonly #sharing: Sharing | undefined;

  constructor(options: QueryThreadsOptions) {
    this.#sharing = options.sharing;
    const workerData: QueryThreadData = {
      location: options.location,
      cacheBytes: Math.floor(options.cacheBytes / options.threads) as Bytes,
      rangeFiles: options.rangeFiles,
    };
    this.#threads = Array.from({ length: options.threads }, () => ({
      pool: new Piscina({
        filename: new URL("query-thread.ts", import.meta.url).href,
        workerData,
        minThreads: 0,
        maxThreads: 1,
        concurrentTasksPerWorker: options.questionsPerThread + options.partsPerThread,
        idleTimeout: options.idleMs,
      }),
      sent: undefined,
      open: 0,
      cacheBytes: 0,
    }));
  }

  /** Of all threads, as they said last. */
  get cacheBytes(): number {
    return this.#threads.reduce((sum, { cacheBytes }) => sum + cacheBytes, 0);
  }

  /** Resolves with the bytes of the response message. */
  ask(asked: ThreadQuestion): Promise<Uint8Array> {
    return this.#onThread(asked, async (thread) => {
      const reply = await this.#run(thread, this.#questionJob(thread, asked), asked);
      if (reply.kind !== "stale") return reply;
      thread.sent = undefined;
      return this.#run(thread, this.#questionJob(thread, asked), asked);
    });
  }

  /** Resolves with the bytes of the part's answer. Errors: as {@link ask}, and those of {@link decodePart}. */
  answerPart(asked: ThreadPart): Promise<Uint8Array> {
    return this.#onThread(asked, (thread) => this.#run(thread, { kind: "part", part: asked.part }, asked));
  }

  async #onThread({ onCost }: ThreadWork, work: (thread: QueryThread) => Promise<QueryReply>): Promise<Uint8Array> {
    const thread = this.#threads.reduce((least, other) => (other.open < least.open ? other : least));
    thread.open++;
    try {
      const reply = await work(thread);
      if (reply.kind === "stale")
        throw new CodedError("query_thread_lost", FaultKind.Unavailable, "the query thread was lost twice: try again");
      thread.cacheBytes = reply.cost.cacheBytes;
      onCost(reply.cost);
      if (reply.kind === "answer") return reply.bytes;
      throw faultFromRecord(reply.fault);
    } finally {
      thread.open--;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map(({ pool }) => pool.close({ force: true })));
  }

  #questionJob(thread: QueryThread, { question, state }: ThreadQuestion): QueryJob {
    const known = thread.sent;
    const newer = known === undefined || known.version < state.version;
    // Tasks reach a thread in the order they are sent, so a later question finds what an earlier one brought along.
    if (newer) thread.sent = state;
    const update = newer ? encodeUpdate(known, state) : undefined;
    return { kind: "question", question, update, version: state.version, shareAboveBytes: this.#sharing?.aboveBytes };
  }

  async #run(thread: QueryThread, job: QueryJob, { limits, signal }: ThreadWork): Promise<QueryReply> {
    const { far, close } = openLine(signal, job.kind === "question" ? this.#sharing?.askPeers : undefined);
    try {
      const task: QueryTask = { job, limits, line: far, trace: currentContext() };
      const { result, spans } = (await thread.pool.run(task, { transferList: [far] })) as Traced<QueryReply>;
      for (const span of spans) recordHere(span);
      return result;
    } finally {
      close();
    }
  }
}

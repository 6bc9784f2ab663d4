import { MessageChannel } from "node:worker_threads";
import { Piscina } from "piscina";
import { CodedError, FaultKind, faultFromRecord } from "../../base/errors.ts";
import type { Bytes } from "../../base/units.ts";
import type { CatalogState } from "../../catalog/catalog.ts";
import { encodeUpdate } from "./catalog-replica.ts";
import type { EngineLimits } from "./engine.ts";
import type { LineMessage, QueryCost, QueryReply, QueryTask, QueryThreadData } from "./query-thread.ts";
import type { Question } from "./question.ts";

export type QueryThreadsOptions = {
  readonly storePath: string;
  readonly threads: number;
  /** Of all threads together. */
  readonly cacheBytes: Bytes;
  /** Questions one thread works on at once: they wait for the bucket more than they compute. */
  readonly questionsPerThread: number;
  readonly idleMs: number;
};

/** One question for the threads. */
export type ThreadQuestion = {
  readonly question: Question;
  /** The answer is that of this state or a newer one. */
  readonly state: CatalogState;
  readonly limits: EngineLimits;
  readonly signal: AbortSignal;
  /** Told once, whether there is an answer or a fault. */
  readonly onCost: (cost: QueryCost) => void;
};

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

  constructor(options: QueryThreadsOptions) {
    const workerData: QueryThreadData = {
      storePath: options.storePath,
      cacheBytes: Math.floor(options.cacheBytes / options.threads) as Bytes,
    };
    this.#threads = Array.from({ length: options.threads }, () => ({
      pool: new Piscina({
        filename: new URL("query-thread.ts", import.meta.url).href,
        workerData,
        minThreads: 0,
        maxThreads: 1,
        concurrentTasksPerWorker: options.questionsPerThread,
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
  async ask(asked: ThreadQuestion): Promise<Uint8Array> {
    const thread = this.#threads.reduce((least, other) => (other.open < least.open ? other : least));
    thread.open++;
    try {
      let reply = await this.#run(thread, asked);
      if (reply.kind === "stale") {
        thread.sent = undefined;
        reply = await this.#run(thread, asked);
      }
      if (reply.kind === "stale")
        throw new CodedError("query_thread_lost", FaultKind.Unavailable, "the query thread was lost twice: try again");
      thread.cacheBytes = reply.cost.cacheBytes;
      asked.onCost(reply.cost);
      if (reply.kind === "answer") return reply.bytes;
      throw faultFromRecord(reply.fault);
    } finally {
      thread.open--;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map(({ pool }) => pool.close({ force: true })));
  }

  async #run(thread: QueryThread, { question, state, limits, signal }: ThreadQuestion): Promise<QueryReply> {
    const known = thread.sent;
    const newer = known === undefined || known.version < state.version;
    // Tasks reach a thread in the order they are sent, so a later question finds what an earlier one brought along.
    if (newer) thread.sent = state;
    const update = newer ? encodeUpdate(known, state) : undefined;
    const { port1: ours, port2: line } = new MessageChannel();
    const cancel = (): void => ours.postMessage({ kind: "cancel" } satisfies LineMessage);
    signal.addEventListener("abort", cancel, { once: true });
    if (signal.aborted) cancel();
    try {
      const task: QueryTask = { question, update, version: state.version, limits, line };
      return (await thread.pool.run(task, { transferList: [line] })) as QueryReply;
    } finally {
      signal.removeEventListener("abort", cancel);
      ours.close();
    }
  }
}

import { Piscina } from "piscina";
import { CodedError, FaultKind, faultFromRecord } from "../../base/errors.ts";
import { currentContext, recordHere } from "../../base/trace.ts";
import type { Traced } from "../../base/traced-task.ts";
import type { Bytes } from "../../base/units.ts";
import type { CatalogState } from "../../catalog/catalog.ts";
import { encodeUpdate } from "./catalog-replica.ts";
import type { EngineLimits } from "./engine.ts";
import type { QueryReply, QueryTask, QueryThreadData } from "./query-thread.ts";
import type { Question } from "./question.ts";

export type QueryThreadsOptions = {
  readonly storePath: string;
  readonly threads: number;
  /** Of all threads together. */
  readonly cacheBytes: Bytes;
  readonly limits: EngineLimits;
  /** Questions one thread works on at once: they wait for the bucket more than they compute. */
  readonly questionsPerThread: number;
  /** Questions that may wait for a thread; one more is refused. */
  readonly waitingMax: number;
  readonly idleMs: number;
};

/** One thread, and the newest catalog state it was sent. */
type QueryThread = { readonly pool: Piscina; sent: CatalogState | undefined; open: number };

/**
 * The threads that answer questions, so that no question stalls the listener. Each is a pool of one: it has a copy of the catalog, and
 * must be told what changed.
 *
 * Errors: those of the engine and the answers; `query_limit_concurrency` (limited) when too many questions wait.
 */
export class QueryThreads {
  readonly #threads: readonly QueryThread[];
  readonly #openMax: number;

  constructor(options: QueryThreadsOptions) {
    const workerData: QueryThreadData = {
      storePath: options.storePath,
      cacheBytes: Math.floor(options.cacheBytes / options.threads) as Bytes,
      limits: options.limits,
    };
    this.#openMax = options.threads * options.questionsPerThread + options.waitingMax;
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
    }));
  }

  /** Resolves with the bytes of the response message. The answer is that of `state` or a newer one. */
  async ask(question: Question, state: CatalogState): Promise<Uint8Array> {
    const open = this.#threads.reduce((sum, thread) => sum + thread.open, 0);
    if (open >= this.#openMax) {
      throw new CodedError("query_limit_concurrency", FaultKind.Limited, `${open} queries are running or waiting: try again in a moment`, {
        facts: { retryAfterSeconds: 1, open },
      });
    }
    const thread = this.#threads.reduce((least, other) => (other.open < least.open ? other : least));
    thread.open++;
    try {
      let reply = await this.#run(thread, question, state);
      if (reply.kind === "stale") {
        thread.sent = undefined;
        reply = await this.#run(thread, question, state);
      }
      if (reply.kind === "answer") return reply.bytes;
      if (reply.kind === "fault") throw faultFromRecord(reply.fault);
      throw new CodedError("query_thread_lost", FaultKind.Unavailable, "the query thread was lost twice: try again");
    } finally {
      thread.open--;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map(({ pool }) => pool.close({ force: true })));
  }

  async #run(thread: QueryThread, question: Question, state: CatalogState): Promise<QueryReply> {
    const known = thread.sent;
    const newer = known === undefined || known.version < state.version;
    // Tasks reach a thread in the order they are sent, so a later question finds what an earlier one brought along.
    if (newer) thread.sent = state;
    const update = newer ? encodeUpdate(known, state) : undefined;
    const task: QueryTask = { question, update, version: state.version, trace: currentContext() };
    const { result, spans } = (await thread.pool.run(task)) as Traced<QueryReply>;
    for (const span of spans) recordHere(span);
    return result;
  }
}

import { Piscina } from "piscina";
import type { RunTask, TaskOptions } from "./base/run-task.ts";

/** From so many on a builder and a merger can both be busy beside a decoder and the listening thread. */
const CORES_FOR_OWN_THREADS = 4;

type WorkThreadsOptions = { readonly cores: number; readonly decodeThreads: number; readonly idleMs: number };

/** What a thread is for. */
export type Work = "decode" | "build" | "merge";

/**
 * Threads for the work of ingest, segment and compact.
 *
 * A thread costs some 30 MB and compiles for itself whatever it runs, so a quiet server does everything on one, the decoder's. Once that one is busy
 * building and merging leave it and do not come back while their threads live: a thread that runs only its own work compiles
 * only that. What is known to take long never runs on the decoder's thread, busy or not: a push that came meanwhile would wait for its end. Idle threads end.
 *
 * Building and merging run the same code, which each thread would compile anew: a second or more of CPU after each start. On few cores, where both on threads of
 * their own would gain nothing, they share one. A merge goes in steps, so that the segment somebody waits for is built between two of them.
 */
export class WorkThreads {
  readonly #decode: Piscina;
  readonly #own: ReadonlyMap<Work, Piscina>;
  #open = 0;

  constructor({ cores, decodeThreads, idleMs }: WorkThreadsOptions) {
    const pool = (options: { maxThreads: number; concurrentTasksPerWorker?: number }): Piscina =>
      new Piscina({ minThreads: 0, idleTimeout: idleMs, ...options });
    this.#decode = pool({ maxThreads: decodeThreads });
    const shared = cores < CORES_FOR_OWN_THREADS ? pool({ maxThreads: 1, concurrentTasksPerWorker: 2 }) : undefined;
    this.#own = new Map([
      ["build", shared ?? pool({ maxThreads: 1 })],
      ["merge", shared ?? pool({ maxThreads: 1 })],
    ]);
  }

  /** takesLong: whether a task would keep a push waiting for longer than anybody should notice. */
  for<Task>(work: Work, takesLong: (task: Task) => boolean = () => false): RunTask {
    const own = this.#own.get(work);
    return (task, options) =>
      own !== undefined && (own.threads.length > 0 || this.#open > 0 || takesLong(task as Task))
        ? own.run(task, options)
        : this.#onDecoder(task, options);
  }

  async #onDecoder(task: unknown, options: TaskOptions): Promise<unknown> {
    this.#open++;
    try {
      return await this.#decode.run(task, options);
    } finally {
      this.#open--;
    }
  }

  async close(): Promise<void> {
    await Promise.all([...new Set([this.#decode, ...this.#own.values()])].map((pool) => pool.close()));
  }
}

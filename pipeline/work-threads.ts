import { Piscina } from "piscina";
import type { RunTask, TaskOptions } from "./base/run-task.ts";

/** What a thread is for. */
export type Work = "decode" | "build" | "merge";

/**
 * Threads for the work of ingest, segment and compact.
 *
 * A thread costs some 30 MB and compiles for itself whatever it runs, so a quiet server does everything on one, the decoder's. Once that one is busy
 * building and merging get threads of their own and keep to them while they live: a thread that runs only its own work compiles
 * only that, and neither a decode nor a merge stands in the way of the segment somebody waits for. What is known to take long never runs on the decoder's thread,
 * busy or not: a push that came meanwhile would wait for its end. Idle threads end.
 */
export class WorkThreads {
  readonly #decode: Piscina;
  readonly #own: ReadonlyMap<Work, Piscina>;
  #open = 0;

  constructor({ decodeThreads, idleMs }: { readonly decodeThreads: number; readonly idleMs: number }) {
    const pool = (maxThreads: number): Piscina => new Piscina({ minThreads: 0, maxThreads, idleTimeout: idleMs });
    this.#decode = pool(decodeThreads);
    this.#own = new Map([
      ["build", pool(1)],
      ["merge", pool(1)],
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
    await Promise.all([this.#decode, ...this.#own.values()].map((pool) => pool.close()));
  }
}

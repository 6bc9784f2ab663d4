import type { JetStreamManager } from "@nats-io/jetstream";
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { DurationMs } from "../../base/units.ts";

export type PurgerDeps = {
  readonly jsm: JetStreamManager;
  readonly stream: string;
  readonly subjectOf: (partition: number) => string;
  /** Throws when the stream is not the one whose sequences we know. */
  readonly checkStream: () => Promise<unknown>;
  readonly clock: Clock;
  readonly log: Log;
};

/** One purge of a partition takes all that was stored within this time with it. */
const EVERY_MS = 500;

/** Takes out of the stream what the catalog counts. */
export class Purger {
  readonly #deps: PurgerDeps;
  /** Partition → the last sequence that is stored, where the stream may still hold it. */
  #due = new Map<number, number>();
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #turn: Promise<void> = Promise.resolve();

  constructor(deps: PurgerDeps) {
    this.#deps = deps;
  }

  /** Everything of the partition up to this sequence is in the catalog. */
  stored(partition: number, sequence: number): void {
    if (sequence === 0) return;
    this.#due.set(partition, Math.max(sequence, this.#due.get(partition) ?? 0));
    if (!this.#stopping.signal.aborted) this.#running ??= this.#soon();
  }

  /** What is due now. A failure is tried again with the next ones. */
  flush(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#purge());
    return this.#turn;
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await this.flush();
  }

  async #soon(): Promise<void> {
    await this.#deps.clock.sleep(EVERY_MS as DurationMs, this.#stopping.signal);
    this.#running = undefined;
    await this.flush();
  }

  async #purge(): Promise<void> {
    if (this.#due.size === 0) return;
    const { jsm, stream, subjectOf, checkStream, log } = this.#deps;
    const due = this.#due;
    this.#due = new Map();
    try {
      await checkStream();
      for (const [partition, sequence] of due) {
        await jsm.streams.purge(stream, { filter: subjectOf(partition), seq: sequence + 1 });
        due.delete(partition);
      }
    } catch (error) {
      for (const [partition, sequence] of due) this.stored(partition, sequence);
      log.warn({ err: error, partitions: due.size }, "stored messages could not be taken out of the stream, will try again");
    }
  }
}

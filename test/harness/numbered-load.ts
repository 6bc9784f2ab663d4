import { ask, push } from "./client.ts";
import { makePprof } from "./make-pprof.ts";
import { until } from "./until.ts";

/*
 * Clients as SDKs are: each sends one profile after the other, and sends it again until it is taken. Every profile is a series of its own with a value of
 * its own, so that a lost one and a doubled one are both seen.
 */

export type NumberedLoadOptions = {
  /** Where to push just now: another process may take over. */
  readonly url: () => string;
  readonly clients: number;
  readonly service?: string;
};

type Point = { readonly value: number };
type Series = { readonly labels?: readonly { readonly name: string; readonly value: string }[]; readonly points?: readonly Point[] };

const RETRY_AFTER_MS = 100;
const PUSH_WITHIN_MS = 15_000;

export class NumberedLoad {
  readonly #options: NumberedLoadOptions;
  readonly #acknowledged = new Set<number>();
  readonly #baseMs = Date.now() - 600_000;
  #next = 0;
  #retries = 0;
  #clients: Promise<void>[] = [];
  #isSending = false;

  constructor(options: NumberedLoadOptions) {
    this.#options = options;
  }

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  /** Pushes that had to be sent again: a fault that nobody noticed is none. */
  get retries(): number {
    return this.#retries;
  }

  start(): void {
    this.#isSending = true;
    this.#clients = Array.from({ length: this.#options.clients }, async () => {
      while (this.#isSending) await this.#sendUntilTaken(this.#next++);
    });
  }

  /** Resolves when every profile that was begun is acknowledged. */
  async stop(): Promise<void> {
    this.#isSending = false;
    await Promise.all(this.#clients);
  }

  /** Resolves when `count` more are acknowledged. */
  async more(count: number): Promise<void> {
    const goal = this.acknowledged + count;
    await until(`${count} more acknowledged profiles`, () => this.acknowledged >= goal, { withinMs: 120_000 });
  }

  async #sendUntilTaken(number: number): Promise<void> {
    const profile = makePprof({ stacks: { [`main;f${number % 7}`]: [1, number + 1] }, time: this.#baseMs + number });
    const labels = { service_name: `${this.#options.service ?? "load"}-${number % 5}`, __name__: "process_cpu", n: String(number) };
    for (;;) {
      const status = await push(this.#options.url(), [{ labels, profile }], { timeoutMs: PUSH_WITHIN_MS }).then(
        (reply) => reply.status,
        () => 0,
      );
      if (status === 200) break;
      if (status >= 400 && status < 500 && status !== 429) throw new Error(`a good profile was refused with ${status}`);
      this.#retries++;
      await new Promise((done) => setTimeout(done, RETRY_AFTER_MS));
    }
    this.#acknowledged.add(number);
  }

  /** Number → the sum of its values, as a querier finds them. */
  async found(url: string): Promise<ReadonlyMap<number, number>> {
    const request = {
      start: String(this.#baseMs - 60_000),
      end: String(Date.now() + 60_000),
      profileTypeID: "process_cpu:cpu:nanoseconds:cpu:nanoseconds",
      labelSelector: `{service_name=~"${this.#options.service ?? "load"}-.*"}`,
      groupBy: ["n"],
      step: 15,
    };
    const { series = [] } = await ask<{ series?: readonly Series[] }>(url, "SelectSeries", request);
    return new Map(
      series.map(({ labels = [], points = [] }) => [Number(labels[0]?.value), points.reduce((sum, { value }) => sum + value, 0)]),
    );
  }

  /**
   * What is wrong once the dust has settled: profiles that were acknowledged and are not found, and ones whose value is not their own. Waits for
   * what is still on its way from the queue into the bucket.
   */
  async faults(url: string, withinMs = 60_000): Promise<{ readonly lost: readonly number[]; readonly wrong: readonly unknown[] }> {
    let found: ReadonlyMap<number, number> = new Map();
    await until(
      "all acknowledged profiles",
      async () => {
        found = await this.found(url);
        return [...this.#acknowledged].every((number) => found.has(number));
      },
      { withinMs, everyMs: 250 },
    ).catch(() => {});
    const lost = [...this.#acknowledged].filter((number) => !found.has(number));
    const wrong = [...found].filter(([number, value]) => value !== number + 1 || !this.#acknowledged.has(number));
    return { lost, wrong };
  }
}

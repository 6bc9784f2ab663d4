import type { Clock } from "../../pipeline/base/clock.ts";
import { type Cluster, knownKinds } from "./cluster.ts";
import type { Kind } from "./object.ts";

/** Kinds come and go with the definitions that people install: seldom, and nobody waits for seconds. */
const GOOD_FOR_MS = 30_000;

/** Which of the optional kinds the cluster knows, asked once for all stacks. */
export class KnownKinds {
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  readonly #kinds: readonly Kind[];
  #answer: { readonly atMs: number; readonly known: Promise<ReadonlySet<string>> } | undefined;

  constructor(cluster: Cluster, clock: Clock, kinds: readonly Kind[]) {
    this.#cluster = cluster;
    this.#clock = clock;
    this.#kinds = kinds;
  }

  get(): Promise<ReadonlySet<string>> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#answer !== undefined && nowMs - this.#answer.atMs < GOOD_FOR_MS) return this.#answer.known;
    const known = knownKinds(this.#cluster, this.#kinds);
    const answer = { atMs: nowMs, known };
    this.#answer = answer;
    // A failure is told to who asked, and remembered by nobody.
    known.catch(() => {
      if (this.#answer === answer) this.#answer = undefined;
    });
    return known;
  }
}

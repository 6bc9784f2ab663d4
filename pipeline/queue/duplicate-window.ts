/** Above this many remembered ids the oldest go early: a bound on memory, not a promise kept. */
const IDS_MAX = 1_000_000;

/**
 * Remembers what was published under which id for a while. A second publish of the same id shares the fate of the first, as
 * long as that is open or good; after a failure the id may be used again.
 */
export class DuplicateWindow {
  readonly #windowMs: number;
  /** In order of arrival, so that the expired ones are at the front. */
  readonly #published = new Map<string, { readonly settled: Promise<void>; readonly atMs: number }>();

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  find(id: string, nowMs: number): Promise<void> | undefined {
    const found = this.#published.get(id);
    return found !== undefined && nowMs - found.atMs < this.#windowMs ? found.settled : undefined;
  }

  add(id: string, settled: Promise<void>, nowMs: number): void {
    for (const [oldId, { atMs }] of this.#published) {
      if (nowMs - atMs < this.#windowMs && this.#published.size < IDS_MAX) break;
      this.#published.delete(oldId);
    }
    const entry = { settled, atMs: nowMs };
    this.#published.delete(id); // an expired one would keep its old place
    this.#published.set(id, entry);
    settled.catch(() => {
      if (this.#published.get(id) === entry) this.#published.delete(id);
    });
  }
}

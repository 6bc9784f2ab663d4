/**
 * Which catalog versions running queries still read from: an object that was retired stays in the bucket while a query that
 * planned before may open it. Only for queries of this process; others are covered by the grace period.
 */
export class Pins {
  readonly #counts = new Map<number, number>();

  /** Returns the way to let go; calling that twice is harmless. */
  pin(version: number): () => void {
    this.#counts.set(version, (this.#counts.get(version) ?? 0) + 1);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const count = this.#counts.get(version)! - 1;
      if (count === 0) this.#counts.delete(version);
      else this.#counts.set(version, count);
    };
  }

  /** The oldest version in use; infinite when there is none. */
  oldest(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...this.#counts.keys());
  }
}

/**
 * A map that is never changed: `with` gives a new one that shares almost everything with the old one, so that each catalog
 * version costs a small copy and readers keep theirs as long as they like.
 *
 * Shape: a shared base, and what was added and removed since. The layer is folded into a new base when it has grown to the square root of
 * twice the base: the cost of both copies together is then smallest, about that root per version (300 entries of 50,000).
 */
export class LayeredMap<V> implements ReadonlyMap<string, V> {
  readonly #base: ReadonlyMap<string, V>;
  readonly #added: ReadonlyMap<string, V>;
  readonly #removed: ReadonlySet<string>;
  readonly size: number;

  private constructor(base: ReadonlyMap<string, V>, added: ReadonlyMap<string, V>, removed: ReadonlySet<string>) {
    this.#base = base;
    this.#added = added;
    this.#removed = removed;
    this.size = base.size - removed.size + added.size;
  }

  static of<V>(entries: Iterable<readonly [string, V]>): LayeredMap<V> {
    return new LayeredMap(new Map(entries), new Map(), new Set());
  }

  /** The keys to remove must be there and those to add must not, unless they are among the removed. */
  with(change: { readonly add: Iterable<readonly [string, V]>; readonly remove: Iterable<string> }): LayeredMap<V> {
    const added = new Map(this.#added);
    const removed = new Set(this.#removed);
    for (const key of change.remove) if (!added.delete(key) && this.#base.has(key)) removed.add(key);
    for (const [key, value] of change.add) added.set(key, value);
    const next = new LayeredMap(this.#base, added, removed);
    return added.size + removed.size <= Math.max(LAYER_MIN, Math.sqrt(2 * this.#base.size)) ? next : LayeredMap.of(next);
  }

  get(key: string): V | undefined {
    return this.#added.get(key) ?? (this.#removed.has(key) ? undefined : this.#base.get(key));
  }

  has(key: string): boolean {
    return this.#added.has(key) || (this.#base.has(key) && !this.#removed.has(key));
  }

  *entries(): MapIterator<[string, V]> {
    for (const entry of this.#base) if (!this.#removed.has(entry[0])) yield entry;
    yield* this.#added;
  }

  *keys(): MapIterator<string> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): MapIterator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): MapIterator<[string, V]> {
    return this.entries();
  }

  forEach(callback: (value: V, key: string, map: ReadonlyMap<string, V>) => void): void {
    for (const [key, value] of this.entries()) callback(value, key, this);
  }
}

const LAYER_MIN = 32;

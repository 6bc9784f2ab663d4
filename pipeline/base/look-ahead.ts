/** How far work runs ahead of who takes its results. `weightMax` bounds the sum of what is started and not yet taken; one item is always started. */
export type LookAhead<Item> = { readonly countMax: number; readonly weightMax: number; readonly weightOf: (item: Item) => number };

/**
 * Starts work on items before their turn and gives the results in the order of the items: what waits for a neighbour waits together.
 *
 * Errors: those of `start`, at the item's turn. Nothing more is started after one, or once the caller stops taking.
 */
export async function* lookAhead<Item, Value>(
  items: readonly Item[],
  { countMax, weightMax, weightOf }: LookAhead<Item>,
  start: (item: Item) => Promise<Value>,
): AsyncGenerator<Value, void, undefined> {
  const started: { readonly value: Promise<Value>; readonly weight: number }[] = [];
  let weight = 0;
  let next = 0;
  while (next < items.length || started.length > 0) {
    while (next < items.length && started.length < countMax) {
      const item = items[next]!;
      const own = weightOf(item);
      if (started.length > 0 && weight + own > weightMax) break;
      const value = start(item);
      // Its turn may never come; then nobody waits for its error either.
      value.catch(() => {});
      started.push({ value, weight: own });
      weight += own;
      next++;
    }
    const first = started.shift()!;
    yield await first.value;
    weight -= first.weight;
  }
}

import type { Arena } from "../symbols/arena.ts";
import type { StackValues } from "./section/stack-values.ts";

/** Samples put in order: by stack, then by row. order: where each came from. */
export type StackOrder = {
  readonly order: Uint32Array;
  readonly stacks: Uint32Array;
  readonly runEnds: Uint32Array;
  readonly row: Uint32Array;
};

/**
 * Orders samples by stack and, within a stack, by row: two passes of counting sort, the second stable.
 *
 * Shape: `picked` lists the samples to take; stack and row are by sample, rows below rowCount, stacks up to stackMax.
 */
export function groupByStack(
  picked: Uint32Array,
  by: { readonly stack: Uint32Array; readonly stackMax: number; readonly row: Uint32Array; readonly rowCount: number },
  arena: Arena,
): StackOrder {
  const byRow = by.rowCount === 1 ? picked : countingSort(picked, by.row, by.rowCount, arena);
  const order = countingSort(byRow, by.stack, by.stackMax + 1, arena);
  const count = order.length;
  const row = arena.uint32(count);
  const stacks = arena.uint32(count);
  const runEnds = arena.uint32(count);
  let runs = 0;
  for (let i = 0; i < count; i++) {
    const sample = order[i]!;
    row[i] = by.row[sample]!;
    const stack = by.stack[sample]!;
    if (i === 0 || stack !== stacks[runs - 1]) stacks[runs++] = stack;
    runEnds[runs - 1] = i + 1;
  }
  return { order, stacks: stacks.subarray(0, runs), runEnds: runEnds.subarray(0, runs), row };
}

/** Sums a table over the rows that `groupOf` (by row) puts together: the totals per series from the samples per profile. */
export function sumOverRows(table: StackValues, groupOf: Uint32Array, arena: Arena): StackValues {
  const rowsMax = table.row.length;
  const row = arena.uint32(rowsMax);
  const values = table.values.map(() => arena.float64(rowsMax));
  const runEnds = arena.uint32(table.stacks.length);
  let kept = 0;
  let at = 0;
  for (let run = 0; run < table.runEnds.length; run++) {
    const runStart = kept;
    // Rows are sorted by series, so the rows of one group follow each other.
    for (const end = table.runEnds[run]!; at < end; at++) {
      const group = groupOf[table.row[at]!]!;
      if (kept === runStart || row[kept - 1] !== group) {
        for (const column of values) column[kept] = 0;
        row[kept++] = group;
      }
      for (let type = 0; type < values.length; type++) {
        const sum = values[type]![kept - 1]! + table.values[type]![at]!;
        values[type]![kept - 1] = sum > Number.MAX_SAFE_INTEGER ? Number.MAX_SAFE_INTEGER : sum;
      }
    }
    runEnds[run] = kept;
  }
  return {
    stacks: table.stacks,
    runEnds,
    row: row.subarray(0, kept),
    values: values.map((column) => column.subarray(0, kept)),
    spans: undefined,
  };
}

function countingSort(samples: Uint32Array, keys: Uint32Array, keyCount: number, arena: Arena): Uint32Array {
  const starts = arena.zeros(keyCount + 1);
  for (let i = 0; i < samples.length; i++) starts[keys[samples[i]!]! + 1]!++;
  for (let key = 0; key < keyCount; key++) starts[key + 1]! += starts[key]!;
  const sorted = arena.uint32(samples.length);
  for (let i = 0; i < samples.length; i++) {
    const sample = samples[i]!;
    const key = keys[sample]!;
    sorted[starts[key]!++] = sample;
  }
  return sorted;
}

import type { SymbolTables } from "../../profile/symbol-tables.ts";

/**
 * Distinct stacktraces of a selection with their summed values and full symbols: what a pprof answer, a DOT graph and
 * anything that shows lines, addresses or files is made of.
 *
 * Shape: stack i is stackLocations[stackEnds[i - 1] .. stackEnds[i]], leaf first, with values[i].
 */
export type MergedStacks = SymbolTables & {
  readonly stackLocations: Uint32Array;
  readonly stackEnds: Uint32Array;
  readonly values: Float64Array;
};

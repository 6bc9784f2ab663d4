import type { SymbolTables } from "../profile/symbol-tables.ts";

/**
 * The symbols of one dataset.
 *
 * Shape: stack nodes are numbered from 1: node i has its parent and location at index i - 1 of the node columns, parents before children, parent 0 is the root (the empty
 * stacktrace); a stacktrace is the id of its leaf node.
 */
export type Symbols = SymbolTables & {
  readonly nodes: { readonly parent: Uint32Array; readonly location: Uint32Array };
};

/**
 * A merged call tree by function name: what every flame graph, diff, tree and function table is made of.
 *
 * Shape: node 0 is the synthetic root; parents come before children (parent[i] < i). Children of one parent have distinct
 * names; nodes are in no other order. name: index into names (0 is "total", the root's).
 * Units: self and total as the profile type says; total[i] = self[i] + totals of its children. Nodes whose total is 0 are left out.
 */
export type FlameTree = {
  readonly count: number;
  readonly parent: Int32Array;
  readonly name: Int32Array;
  readonly self: Float64Array;
  readonly total: Float64Array;
  readonly names: NameTable;
};

/** Function names as UTF-8, without decoding what nobody will see. Name i is bytes[starts[i] .. starts[i] + lengths[i]]. Names are distinct. */
export type NameTable = {
  readonly count: number;
  readonly bytes: Uint8Array;
  readonly starts: Uint32Array;
  readonly lengths: Uint32Array;
};

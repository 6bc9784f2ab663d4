import { STEP_ELEMENTS, type Steps } from "../../../base/steps.ts";
import type { FlameTree } from "../flame-tree.ts";
import { compareNames, nameKey } from "./names.ts";
import { ProtoWriter } from "./proto-writer.ts";

/**
 * What each function did itself and with all it called. Recursion counts once: a function's total is that of its outermost calls.
 *
 * Shape: by name index of the tree's table; `order` are the names that occur, self descending, then name.
 */
export type FunctionTable = {
  readonly tree: FlameTree;
  readonly self: Float64Array;
  readonly total: Float64Array;
  readonly order: readonly number[];
};

export function* functionTable(tree: FlameTree): Steps<FunctionTable> {
  const self = new Float64Array(tree.names.count);
  const total = new Float64Array(tree.names.count);
  const occurs = new Uint8Array(tree.names.count);
  for (let node = 1; node < tree.count; node++) {
    if (node % STEP_ELEMENTS === 0) yield;
    const name = tree.name[node] as number;
    occurs[name] = 1;
    self[name] = (self[name] as number) + (tree.self[node] as number);
    let above = tree.parent[node] as number;
    while (above > 0 && tree.name[above] !== name) above = tree.parent[above] as number;
    if (above <= 0) total[name] = (total[name] as number) + (tree.total[node] as number);
  }
  const order: number[] = [];
  for (let name = 0; name < occurs.length; name++) if (occurs[name] === 1) order.push(name);
  order.sort((a, b) => (self[b] as number) - (self[a] as number) || compareNames(tree.names, a, tree.names, b));
  return { tree, self, total, order };
}

/** querier.v1.SelectMergeStacktracesResponse with the table, cut to `limit` rows (0: all). */
export function* encodeFunctions(tree: FlameTree, limit: number): Steps<Uint8Array> {
  const table = yield* functionTable(tree);
  const writer = new ProtoWriter(4096);
  const mark = writer.begin(RESPONSE_FUNCTIONS);
  writeTable(writer, table, limit > 0 ? table.order.slice(0, limit) : table.order);
  writer.end(mark);
  return writer.finish();
}

/** querier.v1.DiffResponse with both tables, aligned: the rows of either side are the functions with the largest self of both. */
export function* encodeFunctionsDiff(left: FlameTree, right: FlameTree, limit: number, form: "tables" | "rows"): Steps<Uint8Array> {
  const tables = { left: yield* functionTable(left), right: yield* functionTable(right) };
  yield;
  const joined = joinTables(tables.left, tables.right);
  const rows = limit > 0 ? joined.slice(0, limit) : joined;
  const writer = new ProtoWriter(4096);
  const mark = writer.begin(RESPONSE_FUNCTIONS);
  if (form === "tables") {
    for (const [field, side] of [
      [1, "left"],
      [2, "right"],
    ] as const) {
      const tableMark = writer.begin(field);
      writeTable(
        writer,
        tables[side],
        rows.map((row) => row[side]).filter((name) => name >= 0),
      );
      writer.end(tableMark);
    }
  } else {
    for (const row of rows) {
      const rowMark = writer.begin(3);
      const named = row.left >= 0 ? { names: left.names, index: row.left } : { names: right.names, index: row.right };
      writer.bytes(1, named.names.bytes, named.names.starts[named.index], named.names.lengths[named.index]);
      writer.uint(2, valueOf(tables.left.self, row.left));
      writer.uint(3, valueOf(tables.left.total, row.left));
      writer.uint(4, valueOf(tables.right.self, row.right));
      writer.uint(5, valueOf(tables.right.total, row.right));
      writer.end(rowMark);
    }
    writer.uint(4, left.total[0] as number);
    writer.uint(5, right.total[0] as number);
  }
  writer.end(mark);
  return writer.finish();
}

/** Field of the functions in SelectMergeStacktracesResponse and DiffResponse. */
const RESPONSE_FUNCTIONS = 1001;

function writeTable(writer: ProtoWriter, { tree, self, total, order }: FunctionTable, rows: readonly number[]): void {
  const { names } = tree;
  for (const name of rows) {
    const mark = writer.begin(1);
    writer.bytes(1, names.bytes, names.starts[name], names.lengths[name]);
    writer.uint(2, self[name] as number);
    writer.uint(3, total[name] as number);
    writer.end(mark);
  }
  writer.uint(2, tree.total[0] as number);
  writer.uint(3, order.length);
}

type JoinedRow = { readonly left: number; readonly right: number; readonly self: number; readonly key: string };

function joinTables(left: FunctionTable, right: FunctionTable): readonly JoinedRow[] {
  const rightByKey = new Map(right.order.map((name) => [nameKey(right.tree.names, name), name]));
  const rows: JoinedRow[] = left.order.map((name) => {
    const key = nameKey(left.tree.names, name);
    const other = rightByKey.get(key) ?? -1;
    rightByKey.delete(key);
    return { left: name, right: other, self: (left.self[name] as number) + valueOf(right.self, other), key };
  });
  for (const [key, name] of rightByKey) rows.push({ left: -1, right: name, self: right.self[name] as number, key });
  return rows.sort((a, b) => b.self - a.self || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

function valueOf(values: Float64Array, name: number): number {
  return name < 0 ? 0 : (values[name] as number);
}

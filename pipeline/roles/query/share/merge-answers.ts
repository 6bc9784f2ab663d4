import { labelSetKey } from "../../../profile/labels.ts";
import { StringHash } from "../../../symbols/string-hash.ts";
import { SymbolTable } from "../../../symbols/symbol-table.ts";
import type { FlameTree } from "../flame-tree.ts";
import { TreeMerger } from "../merge-tree.ts";
import type { MergedStacks } from "../merged-stacks.ts";
import type { ProfileRows, SpanRows } from "../profile-rows.ts";
import type { StackNames } from "../stack-names.ts";
import type { Answers, Method } from "./engine-call.ts";
import { flatStacks, stacksAsTree } from "./stacks-as-tree.ts";

/** Answers over parts of a selection as the one over all of it. No profile is in two parts. */
export function mergeAnswers<M extends Method>(method: M, parts: readonly Answers[M][]): Answers[M] {
  return (MERGE[method] as (parts: readonly Answers[M][]) => Answers[M])(parts);
}

const MERGE: { readonly [M in Method]: (parts: readonly Answers[M][]) => Answers[M] } = {
  tree: mergeTrees,
  stacks: mergeStackTables,
  rows: mergeRows,
  spanRows: mergeSpanRows,
  // The same series or service may come more than once.
  series: (parts) => parts.flat(),
  services: (parts) => parts.flat(),
  labelNames: (parts) => new Set(parts.flatMap((names) => [...names])),
};

function mergeTrees(parts: readonly FlameTree[]): FlameTree {
  const merger = new TreeMerger();
  for (const tree of parts) merger.add(asStackNames(tree), tree.self);
  return merger.finish();
}

/** Names came without their hashes, by which the merger knows them. */
function asStackNames({ parent, name, names }: FlameTree): Pick<StackNames, "parent" | "name" | "names"> {
  const hashLo = new Int32Array(names.count);
  const hashHi = new Int32Array(names.count);
  const hash = new StringHash();
  for (let i = 0; i < names.count; i++) {
    hash.of(names.bytes, names.starts[i]!, names.lengths[i]!);
    hashLo[i] = hash.lo;
    hashHi[i] = hash.hi;
  }
  return { parent: Uint32Array.from(parent), name: Uint32Array.from(name), names: { ...names, hashLo, hashHi } };
}

function mergeStackTables(parts: readonly MergedStacks[]): MergedStacks {
  const table = new SymbolTable();
  const sums = new Map<number, number>();
  for (const part of parts) {
    const { symbols, stacks } = stacksAsTree(part);
    const merged = table.addSymbols(symbols);
    for (let i = 0; i < stacks.length; i++) {
      const node = merged[stacks[i]!]!;
      sums.set(node, (sums.get(node) ?? 0) + part.values[i]!);
    }
  }
  return flatStacks(table.view(), [...sums.keys()], Float64Array.from(sums.values()));
}

function mergeRows(parts: readonly ProfileRows[]): ProfileRows {
  const series: ProfileRows["series"][number][] = [];
  const ids = new Map<string, number>();
  const indexes = parts.map((part) => {
    const ours = part.series.map((labels) => {
      const key = labelSetKey(labels);
      const known = ids.get(key) ?? series.push(labels) - 1;
      ids.set(key, known);
      return known;
    });
    return part.seriesIndex.map((index) => ours[index]!);
  });
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  return {
    count,
    series,
    seriesIndex: joined(new Int32Array(count), indexes),
    timeMs: joined(
      new Float64Array(count),
      parts.map(({ timeMs }) => timeMs),
    ),
    value: joined(
      new Float64Array(count),
      parts.map(({ value }) => value),
    ),
    ids: joined(
      new Uint8Array(count * 16),
      parts.map(({ ids: own }) => own),
    ),
  };
}

function mergeSpanRows(parts: readonly SpanRows[]): SpanRows {
  const rows = mergeRows(parts);
  return {
    ...rows,
    spans: joined(
      new Uint8Array(rows.count * 8),
      parts.map(({ spans }) => spans),
    ),
    traces: joined(
      new Uint8Array(rows.count * 16),
      parts.map(({ traces }) => traces),
    ),
  };
}

function joined<Column extends Int32Array | Float64Array | Uint8Array>(into: Column, columns: readonly ArrayLike<number>[]): Column {
  let at = 0;
  for (const column of columns) {
    into.set(column, at);
    at += column.length;
  }
  return into;
}

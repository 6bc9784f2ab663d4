import { STEP_ELEMENTS, type Steps } from "../../../base/steps.ts";
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
export function mergeAnswers<M extends Method>(method: M, parts: readonly Answers[M][]): Steps<Answers[M]> {
  return (MERGE[method] as (parts: readonly Answers[M][]) => Steps<Answers[M]>)(parts);
}

const MERGE: { readonly [M in Method]: (parts: readonly Answers[M][]) => Steps<Answers[M]> } = {
  tree: mergeTrees,
  stacks: mergeStackTables,
  rows: mergeRows,
  spanRows: mergeSpanRows,
  // The same series or service may come more than once.
  series: joinLists,
  services: joinLists,
  labelNames: joinNames,
};

function* joinLists<Entry>(parts: readonly (readonly Entry[])[]): Steps<readonly Entry[]> {
  const all: Entry[] = [];
  for (const part of parts) {
    for (const entry of part) all.push(entry);
    yield;
  }
  return all;
}

function* joinNames(parts: readonly ReadonlySet<string>[]): Steps<ReadonlySet<string>> {
  const all = new Set<string>();
  for (const names of parts) {
    for (const name of names) all.add(name);
    yield;
  }
  return all;
}

function* mergeTrees(parts: readonly FlameTree[]): Steps<FlameTree> {
  const merger = new TreeMerger();
  for (const tree of parts) {
    yield;
    yield* merger.add(asStackNames(tree), tree.self);
  }
  return yield* merger.finish();
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

function* mergeStackTables(parts: readonly MergedStacks[]): Steps<MergedStacks> {
  const table = new SymbolTable();
  const sums = new Map<number, number>();
  for (const part of parts) {
    yield;
    const { symbols, stacks } = stacksAsTree(part);
    yield;
    const merged = yield* table.addingSymbols(symbols);
    for (let i = 0; i < stacks.length; i++) {
      if (i % STEP_ELEMENTS === 0) yield;
      const node = merged[stacks[i]!]!;
      sums.set(node, (sums.get(node) ?? 0) + part.values[i]!);
    }
  }
  return flatStacks(table.view(), [...sums.keys()], Float64Array.from(sums.values()));
}

function* mergeRows(parts: readonly ProfileRows[]): Steps<ProfileRows> {
  const series: ProfileRows["series"][number][] = [];
  const ids = new Map<string, number>();
  const indexes: Int32Array[] = [];
  for (const part of parts) {
    yield;
    const ours = part.series.map((labels) => {
      const key = labelSetKey(labels);
      const known = ids.get(key) ?? series.push(labels) - 1;
      ids.set(key, known);
      return known;
    });
    indexes.push(part.seriesIndex.map((index) => ours[index]!));
  }
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

function* mergeSpanRows(parts: readonly SpanRows[]): Steps<SpanRows> {
  const rows = yield* mergeRows(parts);
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

import { lookAhead } from "../../base/look-ahead.ts";
import { inSteps, STEP_ELEMENTS, type Steps } from "../../base/steps.ts";
import { GrowableFloat64, GrowableUint32 } from "../../symbols/growable.ts";
import { SymbolTable } from "../../symbols/symbol-table.ts";
import { VALUES_AHEAD } from "./ahead.ts";
import type { StackSelection } from "./engine-interface.ts";
import type { MergedStacks } from "./merged-stacks.ts";
import type { SectionReader } from "./read.ts";
import type { SelectedRows } from "./select.ts";
import { StackFilter } from "./stack-filter.ts";
import { sumPerStack } from "./stack-sums.ts";

/** Merges the selected stacks with all their symbols; symbols of stacks that are not selected are left out. */
export async function mergeStacks(selected: readonly SelectedRows[], stacks: StackSelection, reader: SectionReader): Promise<MergedStacks> {
  const table = new SymbolTable();
  const filter = new StackFilter(stacks);
  const sums: number[] = [];
  const load = async (rows: SelectedRows) => {
    const symbols = await reader.symbols(rows.planned);
    const perStack = await sumPerStack(rows, stacks, symbols.nodes.parent.length + 1, reader);
    return { symbols, perStack, names: await reader.stackNames(rows.planned) };
  };
  for await (const { symbols, perStack, names } of lookAhead(selected, VALUES_AHEAD, load)) {
    await reader.step();
    const allowed = filter.selectedNodes(names);
    const used = new Uint8Array(perStack.length);
    for (let stack = 1; stack < perStack.length; stack++) {
      if (perStack[stack]! > 0 && (allowed === undefined || allowed[names.nodeOfStack[stack]!] === 1)) used[stack] = 1;
    }
    const merged = await inSteps(table.addingSymbols(symbols, used), reader);
    for (let stack = 1; stack < perStack.length; stack++) {
      if (used[stack] === 1) sums[merged[stack]!] = (sums[merged[stack]!] ?? 0) + perStack[stack]!;
    }
  }
  return inSteps(flatten(table, sums), reader);
}

/** Spells the stacks out, leaf first. sums: by node, with holes. */
function* flatten(table: SymbolTable, sums: readonly number[]): Steps<MergedStacks> {
  const { nodes, ...tables } = table.view();
  const locations = new GrowableUint32(1024);
  const ends = new GrowableUint32(256);
  const values = new GrowableFloat64(256);
  for (let node = 1; node <= nodes.parent.length; node++) {
    if (node % STEP_ELEMENTS === 0) yield;
    const value = sums[node];
    if (value === undefined) continue;
    for (let at = node; at > 0; at = nodes.parent[at - 1]!) locations.push(nodes.location[at - 1]!);
    ends.push(locations.length);
    values.push(value);
  }
  return { ...tables, stackLocations: locations.view(), stackEnds: ends.view(), values: values.view() };
}

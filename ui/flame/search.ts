import { type FlameGraph, grandTotal, nodeCount } from "./flame-graph.ts";

/** Which functions a search text means. */
export type NameTest = (name: string) => boolean;

/** Plain text matches anywhere and ignores case; `/text/` is a regular expression. Undefined: nothing searched. */
export function nameTest(text: string): NameTest | undefined {
  const wanted = text.trim();
  if (wanted === "") return undefined;
  const expression = /^\/(.+)\/$/.exec(wanted)?.[1];
  if (expression !== undefined) {
    try {
      const regex = new RegExp(expression, "i");
      return (name) => regex.test(name);
    } catch {
      // Half-typed expressions are normal while typing: take the text as it is until it parses.
    }
  }
  const lower = wanted.toLowerCase();
  return (name) => name.toLowerCase().includes(lower);
}

export interface SearchResult {
  /** One byte per name index: 1 when it matches. */
  readonly matches: Uint8Array;
  readonly frameCount: number;
  readonly functionCount: number;
  /** Values below matching frames, each counted once however often a path matches. */
  readonly total: number;
  /** Share of the whole graph, 0 to 1. */
  readonly share: number;
}

export function searchGraph(graph: FlameGraph, test: NameTest): SearchResult {
  const matches = new Uint8Array(graph.names.length);
  let functionCount = 0;
  for (let index = 0; index < matches.length; index++) {
    // Index 0 is the synthetic root: no function of anybody.
    if (index === 0 || !test(graph.names[index]!)) continue;
    matches[index] = 1;
    functionCount++;
  }
  // covered[node]: some ancestor matches. Parents come before children in level order.
  const covered = new Uint8Array(nodeCount(graph));
  let frameCount = 0;
  let total = 0;
  for (let node = 0; node < covered.length; node++) {
    const parent = graph.parent[node]!;
    const isMatch = matches[graph.nameIndex[node]!] === 1;
    const isCovered = parent >= 0 && covered[parent] === 1;
    if (isMatch) frameCount++;
    if (isMatch && !isCovered) total += graph.total[node]!;
    covered[node] = isMatch || isCovered ? 1 : 0;
  }
  const whole = grandTotal(graph);
  return { matches, frameCount, functionCount, total, share: whole === 0 ? 0 : total / whole };
}

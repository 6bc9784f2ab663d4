/**
 * A flame graph in columns: node `i` is one entry of each array. Nodes are in level order, left to right, so the
 * nodes of a level and the children of a node are neighbours.
 *
 * Units: x, total and self are raw profile values (a double is exact to 2^53: 104 days of CPU ns, 9 PB).
 */
export interface FlameGraph {
  readonly names: readonly string[];
  /** Level `l` is nodes `levelStart[l]` to `levelStart[l + 1]`. Level 0 is the synthetic root. */
  readonly levelStart: Uint32Array;
  readonly x: Float64Array;
  readonly total: Float64Array;
  readonly self: Float64Array;
  readonly nameIndex: Uint32Array;
  /** −1 for the root. */
  readonly parent: Int32Array;
  readonly firstChild: Uint32Array;
  readonly childCount: Uint32Array;
  readonly level: Uint16Array;
  /** Hash of the names from the root: finds the same frame again in another answer, and fits in an address. */
  readonly pathHash: Uint32Array;
  /** Only of a diff: the same values on each side; x, total and self are then left + right. */
  readonly sides: Sides | undefined;
}

export interface Sides {
  readonly leftTotal: Float64Array;
  readonly leftSelf: Float64Array;
  readonly rightTotal: Float64Array;
  readonly rightSelf: Float64Array;
}

/** The wire's flame graph as JSON has it: int64 as strings, zero fields left out. */
export interface WireFlameGraph {
  readonly names?: readonly string[];
  readonly levels?: readonly { readonly values?: readonly (string | number)[] }[];
}

/** What the server calls the frames it folded together; see `foldedShare`. */
export const FOLDED_NAME = "other";

/** Four integers a node: x since the end of the node before, total, self, name. */
export function decodeFlameGraph(wire: WireFlameGraph): FlameGraph {
  return decode(wire, 4);
}

/** Seven integers a node: x, total and self of the left, then of the right, then the name. */
export function decodeFlameGraphDiff(wire: WireFlameGraph): FlameGraph {
  return decode(wire, 7);
}

function decode(wire: WireFlameGraph, width: 4 | 7): FlameGraph {
  const levels = wire.levels ?? [];
  const count = levels.reduce((sum, level) => sum + Math.floor((level.values?.length ?? 0) / width), 0);
  const columns = allocate(count, levels.length, width === 7);
  let node = 0;
  for (let l = 0; l < levels.length; l++) {
    const values = levels[l]!.values ?? [];
    columns.levelStart[l] = node;
    let leftEnd = 0;
    let rightEnd = 0;
    for (let v = 0; v + width <= values.length; v += width, node++) {
      const leftX = leftEnd + Number(values[v]);
      const leftTotal = Number(values[v + 1]);
      const leftSelf = Number(values[v + 2]);
      leftEnd = leftX + leftTotal;
      columns.level[node] = l;
      columns.x[node] = leftX;
      columns.total[node] = leftTotal;
      columns.self[node] = leftSelf;
      columns.nameIndex[node] = Number(values[v + width - 1]);
      if (columns.sides === undefined) continue;
      const rightX = rightEnd + Number(values[v + 3]);
      const rightTotal = Number(values[v + 4]);
      const rightSelf = Number(values[v + 5]);
      rightEnd = rightX + rightTotal;
      columns.x[node]! += rightX;
      columns.total[node]! += rightTotal;
      columns.self[node]! += rightSelf;
      columns.sides.leftTotal[node] = leftTotal;
      columns.sides.leftSelf[node] = leftSelf;
      columns.sides.rightTotal[node] = rightTotal;
      columns.sides.rightSelf[node] = rightSelf;
    }
  }
  columns.levelStart[levels.length] = node;
  return link({ ...columns, names: wire.names ?? [] });
}

/** Empty columns for `count` nodes on `levels` levels. */
export function allocate(count: number, levels: number, hasSides: boolean): Omit<FlameGraph, "names"> {
  const doubles = (): Float64Array => new Float64Array(count);
  return {
    levelStart: new Uint32Array(levels + 1),
    x: doubles(),
    total: doubles(),
    self: doubles(),
    nameIndex: new Uint32Array(count),
    parent: new Int32Array(count).fill(-1),
    firstChild: new Uint32Array(count),
    childCount: new Uint32Array(count),
    level: new Uint16Array(count),
    pathHash: new Uint32Array(count),
    sides: hasSides ? { leftTotal: doubles(), leftSelf: doubles(), rightTotal: doubles(), rightSelf: doubles() } : undefined,
  };
}

/**
 * Fills parent, children and path hashes from the positions: a node hangs under the node of the level above whose
 * width covers its x. One pass, because both levels run left to right.
 */
export function link(graph: FlameGraph): FlameGraph {
  const { x, total, parent, firstChild, childCount, pathHash, nameIndex, levelStart } = graph;
  const nameHashes = Uint32Array.from(graph.names, hashText);
  for (let node = 0; node < (levelStart[1] ?? 0); node++) pathHash[node] = mix(0, nameHashes[nameIndex[node]!] ?? 0);
  for (let l = 1; l + 1 < levelStart.length; l++) {
    let above = levelStart[l - 1]!;
    const aboveEnd = levelStart[l]!;
    for (let node = levelStart[l]!; node < levelStart[l + 1]!; node++) {
      while (above + 1 < aboveEnd && x[above]! + total[above]! <= x[node]!) above++;
      parent[node] = above;
      if (childCount[above] === 0) firstChild[above] = node;
      childCount[above]!++;
      pathHash[node] = mix(pathHash[above]!, nameHashes[nameIndex[node]!] ?? 0);
    }
  }
  return graph;
}

export function nodeCount(graph: FlameGraph): number {
  return graph.nameIndex.length;
}

/** The function of a frame; of the synthetic root, "all". */
export function nameOf(graph: FlameGraph, node: number): string {
  const index = graph.nameIndex[node]!;
  return index === 0 ? "all" : (graph.names[index] ?? "");
}

/** The sum all shares refer to. */
export function grandTotal(graph: FlameGraph): number {
  return graph.total[0] ?? 0;
}

/** Names from the outermost caller to the node, the synthetic root left out. */
export function pathOf(graph: FlameGraph, node: number): string[] {
  const path: string[] = [];
  for (let at = node; at > 0 && graph.parent[at]! >= 0; at = graph.parent[at]!) path.push(nameOf(graph, at));
  return path.reverse();
}

/** How a frame is written in the address. */
export function zoomWord(graph: FlameGraph, node: number): string {
  return node <= 0 ? "" : graph.pathHash[node]!.toString(16).padStart(8, "0");
}

/** The frame a zoom word means, the root when this answer does not have it. */
export function findZoom(graph: FlameGraph, word: string): number {
  if (word === "") return 0;
  const wanted = Number.parseInt(word, 16);
  return Math.max(0, graph.pathHash.indexOf(wanted));
}

/** How much of the total the server folded into "other" frames, 0 to 1: what is missing for want of nodes. */
export function foldedShare(graph: FlameGraph): number {
  const folded = graph.names.indexOf(FOLDED_NAME);
  if (folded < 0 || grandTotal(graph) === 0) return 0;
  let sum = 0;
  for (let node = 0; node < nodeCount(graph); node++) if (graph.nameIndex[node] === folded) sum += graph.total[node]!;
  return sum / grandTotal(graph);
}

/** FNV-1a over UTF-16 units: stable between visits, so a function keeps its colour and its address. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

function mix(above: number, name: number): number {
  let hash = Math.imul(above ^ 0x9e3779b9, 0x85ebca6b) ^ name;
  hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35);
  return (hash ^ (hash >>> 13)) >>> 0;
}

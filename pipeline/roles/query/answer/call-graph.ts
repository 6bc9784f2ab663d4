import type { MergedStacks } from "../merged-stacks.ts";

/** What a node of a call graph is: equal frames are one node. Address: hex digits without leading zeros, "" for none. */
export type GraphFrame = {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly address: string;
  readonly binary: string;
  readonly startLine: number;
};

export type GraphNode = {
  readonly frame: GraphFrame;
  /** The frame as one line of text. */
  readonly label: string;
  flat: number;
  cumulative: number;
  /** By callee and caller. */
  readonly out: Map<GraphNode, GraphEdge>;
  readonly in: Map<GraphNode, GraphEdge>;
};

export type GraphEdge = {
  readonly from: GraphNode;
  readonly to: GraphNode;
  weight: number;
  /** Leads over nodes that were left out. */
  residual: boolean;
  /** All calls of it were inlined. */
  inline: boolean;
};

/** Most interesting node first. `nodesBefore`: how many there were before the graph was cut. */
export type CallGraph = { readonly nodes: readonly GraphNode[]; readonly nodesBefore: number; readonly total: number };

/**
 * The graph that pprof draws of a profile: who calls whom, cut to the `nodesMax` nodes that tell most.
 * Source: github.com/google/pprof, its report and graph: nodes by function and line, entropy as the measure of interest, edges that
 * bridge left-out nodes dotted and dropped when another way leads there.
 */
export function callGraph(stacks: MergedStacks, nodesMax: number): CallGraph {
  const frames = new Frames(stacks);
  let total = 0;
  for (const value of stacks.values) total += value;
  const whole = buildGraph(stacks, frames, undefined);
  const nodesBefore = whole.length;
  let nodes = sortByInterest(whole);
  if (nodesMax > 0 && nodes.length > nodesMax) {
    const kept = new Set(nodes.slice(0, nodesMax).map((node) => frameKey(node.frame)));
    nodes = sortByInterest(buildGraph(stacks, frames, kept));
  }
  dropRedundantEdges(nodes);
  return { nodes, nodesBefore, total };
}

export function sortEdges(edges: Iterable<GraphEdge>): GraphEdge[] {
  return [...edges].sort((a, b) => b.weight - a.weight || compareText(a.from.label, b.from.label) || compareText(a.to.label, b.to.label));
}

function buildGraph(stacks: MergedStacks, frames: Frames, kept: ReadonlySet<string> | undefined): GraphNode[] {
  const byKey = new Map<string, GraphNode>();
  const nodesOfLocation: (readonly (GraphNode | undefined)[])[] = frames.ofLocation.map((list) =>
    list.map((frame) => {
      const key = frameKey(frame);
      if (kept !== undefined && !kept.has(key)) return undefined;
      let node = byKey.get(key);
      if (node === undefined) {
        node = { frame, label: frameLabel(frame), flat: 0, cumulative: 0, out: new Map(), in: new Map() };
        byKey.set(key, node);
      }
      return node;
    }),
  );
  let start = 0;
  for (let stack = 0; stack < stacks.values.length; stack++) {
    const end = stacks.stackEnds[stack] as number;
    const locations = stacks.stackLocations.subarray(start, end);
    start = end;
    addStack(
      Array.from(locations, (location) => nodesOfLocation[location] as readonly (GraphNode | undefined)[]),
      stacks.values[stack] as number,
    );
  }
  return [...byKey.values()].filter((node) => node.cumulative !== 0 || node.flat !== 0);
}

/** Locations leaf first, nodes of a location innermost first. A node or edge counts once per stack, however often it recurs. */
function addStack(locations: readonly (readonly (GraphNode | undefined)[])[], value: number): void {
  if (value === 0) return;
  const seenNodes = new Set<GraphNode>();
  const seenEdges = new Set<GraphEdge>();
  let parent: GraphNode | undefined;
  let residual = false;
  for (let i = locations.length - 1; i >= 0; i--) {
    const nodes = locations[i] as readonly (GraphNode | undefined)[];
    for (let n = nodes.length - 1; n >= 0; n--) {
      const node = nodes[n];
      if (node === undefined) {
        residual = true;
        continue;
      }
      if (!seenNodes.has(node)) {
        seenNodes.add(node);
        node.cumulative += value;
      }
      if (parent !== undefined && parent !== node) {
        const known = parent.out.get(node);
        if (known === undefined || !seenEdges.has(known)) {
          seenEdges.add(addToEdge(parent, node, known, { value, residual, inline: n !== nodes.length - 1 }));
        }
      }
      parent = node;
      residual = false;
    }
  }
  if (parent !== undefined && !residual) parent.flat += value;
}

function addToEdge(
  from: GraphNode,
  to: GraphNode,
  known: GraphEdge | undefined,
  call: { value: number; residual: boolean; inline: boolean },
): GraphEdge {
  if (known !== undefined) {
    known.weight += call.value;
    known.residual ||= call.residual;
    known.inline &&= call.inline;
    return known;
  }
  const edge: GraphEdge = { from, to, weight: call.value, residual: call.residual, inline: call.inline };
  from.out.set(to, edge);
  to.in.set(from, edge);
  return edge;
}

function sortByInterest(nodes: readonly GraphNode[]): GraphNode[] {
  const score = new Map(nodes.map((node) => [node, interest(node)]));
  return [...nodes].sort(
    (a, b) =>
      Math.abs(score.get(b) as number) - Math.abs(score.get(a) as number) ||
      compareText(a.label, b.label) ||
      Math.abs(b.flat) - Math.abs(a.flat) ||
      compareText(frameKey(a.frame), frameKey(b.frame)),
  );
}

/** A node through which everything merely falls tells little; one where ways part or end tells much. */
function interest(node: GraphNode): number {
  const incoming = node.in.size === 0 ? 1 : entropy(node.in.values(), 0);
  const outgoing = node.out.size === 0 ? 1 : entropy(node.out.values(), node.flat);
  return Math.trunc((incoming + outgoing) * node.cumulative) + node.flat;
}

function entropy(edges: Iterable<GraphEdge>, self: number): number {
  const weights = Array.from(edges, (edge) => edge.weight);
  const total = weights.reduce((sum, weight) => sum + weight, self);
  if (total === 0) return 0;
  if (self > 0) weights.push(self);
  return weights.reduce((score, weight) => score - (weight / total) * Math.log2(weight / total), 0);
}

/** From the least interesting node and the lightest edge on, up to the first edge that is a real call. */
function dropRedundantEdges(nodes: readonly GraphNode[]): void {
  for (const node of [...nodes].reverse()) {
    for (const edge of sortEdges(node.in.values()).reverse()) {
      if (!edge.residual) break;
      if (leadsElsewhere(edge)) {
        edge.from.out.delete(edge.to);
        edge.to.in.delete(edge.from);
      }
    }
  }
}

/** Whether its end can be reached from its beginning without it. */
function leadsElsewhere(edge: GraphEdge): boolean {
  const seen = new Set([edge.to]);
  const queue = [edge.to];
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    for (const incoming of at.in.values()) {
      if (incoming === edge || seen.has(incoming.from)) continue;
      if (incoming.from === edge.from) return true;
      seen.add(incoming.from);
      queue.push(incoming.from);
    }
  }
  return false;
}

/** The frames of each location, innermost first: one per line, or one for its address. */
class Frames {
  readonly ofLocation: readonly (readonly GraphFrame[])[];

  constructor({ strings, mappings, functions, locations, lines }: MergedStacks) {
    const text = (index: number): string => {
      const start = index === 0 ? 0 : (strings.ends[index - 1] as number);
      return Buffer.from(strings.bytes.buffer, strings.bytes.byteOffset + start, (strings.ends[index] as number) - start).toString("utf8");
    };
    const names = Array.from(functions.name, text);
    const files = Array.from(functions.fileName, (index) => cleanPath(text(index)));
    const binaries = Array.from(mappings.fileName, text);
    let line = 0;
    this.ofLocation = Array.from(locations.mapping, (mapping, location) => {
      const binary = mapping === 0 ? "" : (binaries[mapping - 1] as string);
      const address = addressText(locations.addressLo[location] as number, locations.addressHi[location] as number);
      const list: GraphFrame[] = [];
      for (const end = locations.lineEnds[location] as number; line < end; line++) {
        const functionRef = lines.function[line] as number;
        if (functionRef === 0) {
          list.push({ name: "", file: "", line: 0, address, binary, startLine: 0 });
          continue;
        }
        const name = names[functionRef - 1] as string;
        list.push({
          name,
          file: files[functionRef - 1] as string,
          line: lines.number[line] as number,
          address,
          // A nameless function is told apart by where it is.
          binary: name === "" ? binary : "",
          startLine: name === "" ? (functions.startLine[functionRef - 1] as number) : 0,
        });
      }
      if (list.length === 0) list.push({ name: "", file: "", line: 0, address, binary, startLine: 0 });
      return list;
    });
  }
}

function frameKey({ name, file, line, address, binary, startLine }: GraphFrame): string {
  return [name, file, line, address, binary, startLine].join("\0");
}

/** What the label of a node is made of, from left to right. */
export function frameComponents({ name, file, line, address, binary }: GraphFrame): string[] {
  const parts: string[] = [];
  if (address !== "") parts.push(address.padStart(16, "0"));
  if (name !== "") parts.push(name);
  if (line !== 0) parts.push(`${file}:${line}`);
  else if (file !== "") parts.push(file);
  else if (name === "") parts.push(binary === "" ? "<unknown>" : `[${baseName(binary)}]`);
  return parts;
}

function frameLabel(frame: GraphFrame): string {
  return frameComponents(frame).join(" ");
}

export function baseName(path: string): string {
  return path.replace(/\/+$/, "").replace(/^.*\//, "");
}

function addressText(lo: number, hi: number): string {
  if (lo === 0 && hi === 0) return "";
  return hi === 0 ? lo.toString(16) : hi.toString(16) + lo.toString(16).padStart(8, "0");
}

/** Without `.`, `..` and doubled slashes. "" stays "". */
function cleanPath(path: string): string {
  if (!/\/\/|\/\.|^\.|\/$/.test(path)) return path;
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (part !== ".." || !path.startsWith("/")) parts.push(part);
  }
  const joined = parts.join("/");
  if (path.startsWith("/")) return `/${joined}`;
  return joined === "" ? "." : joined;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

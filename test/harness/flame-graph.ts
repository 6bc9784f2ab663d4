/** The wire's flame graph as Connect JSON has it: levels of [x offset, total, self, name] with x told as a difference. */
export type WireFlameGraph = {
  readonly names?: readonly string[];
  readonly levels?: readonly { readonly values?: readonly string[] }[];
  readonly total?: string;
};

/** What a function weighs: `flat` is its own, `cum` all samples it is anywhere in, each once. */
export type FunctionWeight = { flat: number; cum: number };

type Node = { readonly x: number; readonly total: number; readonly self: number; readonly name: string };

/**
 * Sums a flame graph by function, as `go tool pprof -top` does: a function that calls itself counts a sample once. The
 * parent of a node is the node one level up that spans its x: the obvious way, with nothing shared with our encoder.
 */
export function weighFunctions(graph: WireFlameGraph): Map<string, FunctionWeight> {
  const names = graph.names ?? [];
  const weights = new Map<string, FunctionWeight>();
  let above: { readonly node: Node; readonly path: ReadonlySet<string> }[] = [];
  (graph.levels ?? []).forEach((level, depth) => {
    const nodes = decodeLevel(level.values ?? [], names);
    const here = nodes.map((node) => {
      const parent = above.find(
        (candidate) => candidate.node.x <= node.x && node.x + node.total <= candidate.node.x + candidate.node.total,
      );
      if (depth > 0 && parent === undefined) throw new Error(`the node ${node.name} at level ${depth} stands outside every node above`);
      const path = parent?.path ?? new Set<string>();
      if (depth === 0) return { node, path };
      const weight = weights.get(node.name) ?? { flat: 0, cum: 0 };
      weight.flat += node.self;
      if (!path.has(node.name)) weight.cum += node.total;
      weights.set(node.name, weight);
      return { node, path: new Set([...path, node.name]) };
    });
    above = here;
  });
  return weights;
}

function decodeLevel(values: readonly string[], names: readonly string[]): readonly Node[] {
  const nodes: Node[] = [];
  let end = 0;
  for (let at = 0; at < values.length; at += 4) {
    const [offset, total, self, name] = values.slice(at, at + 4).map(Number) as [number, number, number, number];
    const x = end + offset;
    end = x + total;
    nodes.push({ x, total, self, name: names[name] ?? `name ${name} is missing` });
  }
  return nodes;
}

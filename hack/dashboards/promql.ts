import { parser } from "@prometheus-io/lezer-promql";

/** Where the expression stops being PromQL; undefined when it is. */
export function checkPromql(expression: string): string | undefined {
  let fault: string | undefined;
  parser.parse(expression).iterate({
    enter: (node) => {
      if (node.type.isError) fault ??= `at character ${node.from}: '${expression.slice(node.from, node.from + 20)}'`;
    },
  });
  return fault;
}

/** Names of the metrics it asks for, each once. */
export function metricNamesOf(expression: string): readonly string[] {
  const names = new Set<string>();
  parser.parse(expression).iterate({
    enter: (node) => {
      if (node.name !== "VectorSelector") return;
      const name = node.node.getChild("Identifier");
      if (name !== null) names.add(expression.slice(name.from, name.to));
    },
  });
  return [...names];
}

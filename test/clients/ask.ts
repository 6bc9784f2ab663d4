/** The querier as the tests ask it: Connect with JSON, which needs no code of ours. */
export type FlameGraph = {
  readonly names: readonly string[];
  readonly levels: readonly { readonly values: readonly string[] }[];
  readonly total: string;
};

export async function ask<Answer>(url: string, method: string, body: object): Promise<Answer> {
  const response = await fetch(`${url}/querier.v1.QuerierService/${method}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${method} answered ${response.status}: ${text}`);
  return JSON.parse(text) as Answer;
}

/** From an hour ago to a minute ahead. */
export function lastHour(): { readonly start: number; readonly end: number } {
  const nowMs = Date.now();
  return { start: nowMs - 3_600_000, end: nowMs + 60_000 };
}

export async function profileTypesOf(url: string, service: string): Promise<readonly string[]> {
  const { labelsSet = [] } = await ask<{ labelsSet?: { labels: { name: string; value: string }[] }[] }>(url, "Series", {
    matchers: [`{service_name=${JSON.stringify(service)}}`],
    labelNames: ["__profile_type__"],
    ...lastHour(),
  });
  return labelsSet.flatMap(({ labels }) => labels.map(({ value }) => value)).sort();
}

export async function flameGraphOf(url: string, profileTypeID: string, selector: string): Promise<FlameGraph> {
  const { flamegraph } = await ask<{ flamegraph: FlameGraph }>(url, "SelectMergeStacktraces", {
    profileTypeID,
    labelSelector: selector,
    maxNodes: 100_000,
    ...lastHour(),
  });
  return { ...flamegraph, total: flamegraph.total ?? "0" };
}

export type FunctionTotal = { self: number; total: number };

/** Self and total of every function; a function that calls itself counts once, where it is outermost. */
export function functionTotals(graph: FlameGraph): ReadonlyMap<string, FunctionTotal> {
  const totals = new Map<string, FunctionTotal>();
  let above: { start: number; end: number; names: ReadonlySet<string> }[] = [{ start: 0, end: Number.POSITIVE_INFINITY, names: new Set() }];
  for (const { values } of graph.levels) {
    const level: typeof above = [];
    let x = 0;
    for (let i = 0; i < values.length; i += 4) {
      const [offset, total, self, name] = values.slice(i, i + 4).map(Number) as [number, number, number, number];
      const start = x + offset;
      x = start + total;
      const parent = above.find((node) => node.start <= start && start + total <= node.end);
      const text = graph.names[name] ?? "";
      const entry = totals.get(text) ?? { self: 0, total: 0 };
      entry.self += self;
      if (parent?.names.has(text) !== true) entry.total += total;
      totals.set(text, entry);
      level.push({ start, end: start + total, names: new Set([...(parent?.names ?? []), text]) });
    }
    above = level;
  }
  return totals;
}

/** The stacks of a flame graph, root first and joined by `;`, with their own values. */
export function stacksOf(graph: FlameGraph): Readonly<Record<string, number>> {
  const stacks: Record<string, number> = {};
  let above: { start: number; end: number; path: string }[] = [{ start: 0, end: Number.POSITIVE_INFINITY, path: "" }];
  for (const [depth, { values }] of graph.levels.entries()) {
    const level: typeof above = [];
    let x = 0;
    for (let i = 0; i < values.length; i += 4) {
      const [offset, total, self, name] = values.slice(i, i + 4).map(Number) as [number, number, number, number];
      const start = x + offset;
      x = start + total;
      const parent = above.find((node) => node.start <= start && start + total <= node.end)?.path ?? "";
      const path = depth === 0 ? "" : parent === "" ? (graph.names[name] ?? "") : `${parent};${graph.names[name]}`;
      if (self > 0) stacks[path] = (stacks[path] ?? 0) + self;
      level.push({ start, end: start + total, path });
    }
    above = level;
  }
  return stacks;
}

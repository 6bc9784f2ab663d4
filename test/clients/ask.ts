import { ask } from "../harness/client.ts";
import type { WireFlameGraph } from "../harness/flame-graph.ts";

/* The questions that the tests of real clients ask again and again, over what came in during the last hour. */

/** Milliseconds; to a minute ahead, because clients round their times. */
export function lastHour(): { readonly start: string; readonly end: string } {
  const nowMs = Date.now();
  return { start: String(nowMs - 3_600_000), end: String(nowMs + 60_000) };
}

type SeriesAnswer = { readonly labelsSet?: readonly { readonly labels: readonly { readonly name: string; readonly value: string }[] }[] };

/** Label sets of the series that match, each as name → value; dotted names, too, which only clients see that say they know them. */
export async function seriesOf(
  url: string,
  selector: string,
  labelNames: readonly string[] = [],
): Promise<readonly Record<string, string>[]> {
  const response = await fetch(`${url}/querier.v1.QuerierService/Series`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "*/*; allow-utf8-labelnames=true" },
    body: JSON.stringify({ matchers: [selector], labelNames, ...lastHour() }),
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`Series answered ${response.status}: ${text}`);
  const { labelsSet = [] } = JSON.parse(text) as SeriesAnswer;
  return labelsSet.map(({ labels }) => Object.fromEntries(labels.map(({ name, value }) => [name, value])));
}

/** Sorted. */
export async function profileTypesOf(url: string, service: string): Promise<readonly string[]> {
  const series = await seriesOf(url, `{service_name=${JSON.stringify(service)}}`, ["__profile_type__"]);
  return series.map((labels) => labels["__profile_type__"] ?? "").sort();
}

/** With every node; `more` are further fields of the request. */
export async function flameGraphOf(url: string, profileTypeID: string, selector: string, more: object = {}): Promise<WireFlameGraph> {
  const request = { profileTypeID, labelSelector: selector, maxNodes: String(1 << 20), ...lastHour(), ...more };
  return (await ask<{ readonly flamegraph?: WireFlameGraph }>(url, "SelectMergeStacktraces", request)).flamegraph ?? {};
}

/** The stacks of a flame graph, root first and joined by `;`, each with what is its own. */
export function stacksOf({ names = [], levels = [] }: WireFlameGraph): Readonly<Record<string, number>> {
  const stacks: Record<string, number> = {};
  let above: { readonly start: number; readonly end: number; readonly path: readonly string[] }[] = [];
  for (const [depth, { values = [] }] of levels.entries()) {
    const level: typeof above = [];
    let x = 0;
    for (let i = 0; i < values.length; i += 4) {
      const [offset, total, self, name] = values.slice(i, i + 4).map(Number) as [number, number, number, number];
      const start = x + offset;
      x = start + total;
      const parent = above.find((node) => node.start <= start && start + total <= node.end);
      const path = depth === 0 ? [] : [...(parent?.path ?? []), names[name] ?? ""];
      if (self > 0) stacks[path.join(";")] = (stacks[path.join(";")] ?? 0) + self;
      level.push({ start, end: start + total, path });
    }
    above = level;
  }
  return stacks;
}

/** A line of a page of metrics. */
export type Metric = { readonly labels: Readonly<Record<string, string>>; readonly value: number };

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** The metrics of a page in Prometheus' text form, by name. */
export function readMetrics(page: string): ReadonlyMap<string, readonly Metric[]> {
  const found = new Map<string, Metric[]>();
  for (const line of page.split("\n")) {
    const [, name, labelText = "", valueText] = LINE.exec(line) ?? [];
    if (name === undefined || valueText === undefined) continue;
    const labels = Object.fromEntries([...labelText.matchAll(LABEL)].map(([, label, value]) => [label, unescaped(value ?? "")]));
    const metrics = found.get(name) ?? [];
    metrics.push({ labels, value: Number(valueText.replace("Inf", "Infinity")) });
    found.set(name, metrics);
  }
  return found;
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, (_, character: string) => (character === "n" ? "\n" : character));
}

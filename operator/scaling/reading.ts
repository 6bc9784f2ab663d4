import { readMetrics } from "../../pipeline/base/metrics-page.ts";

/** Numbers on a page of metrics, by their names. */
export type Reading = Readonly<Record<string, number>>;

/** A look at what a part has to do; the first of a row of looks is the oldest. */
export type Look = {
  /** On a clock that never steps back. */
  readonly atMs: number;
  /** The workers that the Deployment asked for then. */
  readonly replicas: number;
  readonly reading: Reading;
};

/** These numbers of a page in Prometheus' text format, whatever their labels; undefined where one is missing. */
export function readingOf(page: string, names: readonly string[]): Reading | undefined {
  const metrics = readMetrics(page);
  const values = names.map((name) => metrics.get(name)?.[0]?.value);
  if (!values.every(Number.isFinite)) return undefined;
  return Object.fromEntries(names.map((name, at) => [name, values[at] as number]));
}

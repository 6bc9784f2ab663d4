import { Counter, Gauge, Histogram, Registry } from "prom-client";

export type { Registry } from "prom-client";

/**
 * Metric names end in the unit (`_seconds`, `_bytes`, `_total`). One `metrics.ts` per role lists all of its metrics with help texts;
 * they belong to a registry that is passed in, so that two instances in one process (tests) do not meet.
 */
export function createRegistry(): Registry {
  return new Registry();
}

export type MetricText<Label extends string> = { readonly name: string; readonly help: string; readonly labelNames?: readonly Label[] };

/** `collect` is called when somebody asks, for values that live elsewhere; here and below. A counter begins with nothing each time. */
export function counter<Label extends string = never>(
  registry: Registry,
  text: MetricText<Label> & { readonly collect?: (counter: Counter<Label>) => void },
): Counter<Label> {
  const { collect, ...rest } = text;
  return new Counter<Label>({
    ...rest,
    labelNames: text.labelNames ?? [],
    registers: [registry],
    ...(collect === undefined
      ? {}
      : {
          collect() {
            const metric = this as unknown as Counter<Label>;
            metric.reset();
            collect(metric);
          },
        }),
  });
}

export function gauge<Label extends string = never>(
  registry: Registry,
  text: MetricText<Label> & { readonly collect?: (gauge: Gauge<Label>) => void | Promise<void> },
): Gauge<Label> {
  const { collect, ...rest } = text;
  return new Gauge<Label>({
    ...rest,
    labelNames: text.labelNames ?? [],
    registers: [registry],
    ...(collect === undefined
      ? {}
      : {
          collect() {
            return collect(this as unknown as Gauge<Label>);
          },
        }),
  });
}

/** Bounds of durations in seconds: from what a cache answers to what a limit ends. */
export const DURATION_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export function histogram<Label extends string = never>(
  registry: Registry,
  text: MetricText<Label> & { readonly buckets?: readonly number[] },
): Histogram<Label> {
  return new Histogram({
    ...text,
    labelNames: text.labelNames ?? [],
    buckets: [...(text.buckets ?? DURATION_BUCKETS_SECONDS)],
    registers: [registry],
  });
}

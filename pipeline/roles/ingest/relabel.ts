import type { Label } from "../../profile/labels.ts";

/**
 * Labels while they are being changed. A label set to "" does not exist, as in Prometheus.
 */
export type MutableLabels = Map<string, string>;

const DELTA_PREFIX = "godeltaprof_";

/**
 * The renaming that every tenant gets: `godeltaprof_memory` is `memory` whose values are already differences, and the CPU time
 * in a wall profile is a CPU profile. The old name stays in `__name_replaced__`.
 *
 * Source: the default rules of Pyroscope (pkg/validation/relabeling.go).
 */
export function applyDefaultRules(labels: MutableLabels, sampleType: string): void {
  const name = labels.get("__name__") ?? "";
  if (name.startsWith(DELTA_PREFIX)) {
    labels.set("__name_replaced__", name);
    labels.set("__delta__", "false");
    labels.set("__name__", name.slice(DELTA_PREFIX.length));
  } else if (name === "wall" && sampleType === "cpu") {
    labels.set("__name_replaced__", name);
    labels.set("__name__", "process_cpu");
  }
}

export function mutableLabels(labels: Iterable<Label>): MutableLabels {
  const map: MutableLabels = new Map();
  for (const { name, value } of labels) if (value !== "") map.set(name, value);
  return map;
}

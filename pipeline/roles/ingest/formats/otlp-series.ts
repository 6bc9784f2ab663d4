import { type Label, type LabelSet, sortLabels } from "../../../profile/labels.ts";

export type OtlpSeries = {
  /** The metric name. */
  readonly name: string;
  /** Named by the samples themselves. */
  readonly service: string | undefined;
  readonly resource: readonly Label[];
  readonly scope: readonly Label[];
};

/** Set by us, never by an attribute. `service_name` as an attribute is heard where nothing better names the service. */
const OURS = new Set(["__name__", "__delta__", "__otel__", "service_name"]);
const UNKNOWN_SERVICE = "unknown_service";

/**
 * The labels of an OTLP profile, as Pyroscope gives them: every resource attribute under its own dotted name, then the scope's (the first wins),
 * and `service_name` from the samples, the resource, or the name of the program. Private names (`__…`) would be taken for the server's own
 * labels and are left out, except the session's.
 */
export function seriesLabels({ name, service, resource, scope }: OtlpSeries): LabelSet {
  const labels = new Map<string, string>();
  for (const attribute of [...resource, ...scope]) {
    const { name: key, value } = attribute;
    if (OURS.has(key) || labels.has(key)) continue;
    if (key.startsWith("__") && key !== "__session_id__") continue;
    labels.set(key, value);
  }
  if (service !== undefined && labels.has("service.name")) labels.set("service.name", service);
  labels.set("__name__", name);
  labels.set("__delta__", "false");
  labels.set("__otel__", "true");
  labels.set("service_name", service ?? resourceService(resource));
  return sortLabels([...labels].map(([key, value]) => ({ name: key, value })));
}

function resourceService(resource: readonly Label[]): string {
  const value = (name: string): string | undefined => resource.find((attribute) => attribute.name === name)?.value;
  const service = value("service.name") ?? value("service_name");
  if (service !== undefined) return service;
  const program = value("process.executable.name");
  return program === undefined ? UNKNOWN_SERVICE : `${UNKNOWN_SERVICE}:${program}`;
}

import type { Label } from "../../../profile/labels.ts";
import type { IngestParams } from "../ingest-params.ts";

/** Private labels (`__…`) are ours to set; the session is the one a client may. */
const ALLOWED_PRIVATE = "__session_id__";

/** The labels of a series that came over `/ingest`. An own `service_name` wins over the application, which then is `app_name`. */
export function ingestLabels({ labels, spyName }: IngestParams, app: string, metric: string): Label[] {
  const own = labels.filter(({ name }) => !name.startsWith("__") || name === ALLOWED_PRIVATE);
  const has = (name: string): boolean => own.some((label) => label.name === name && label.value !== "");
  const named = has("service_name") ? (has("app_name") ? [] : [{ name: "app_name", value: app }]) : [{ name: "service_name", value: app }];
  const given = new Set(["__name__", "__delta__", ...named.map(({ name }) => name)]);
  return [
    { name: "__name__", value: metric },
    { name: "__delta__", value: "false" },
    ...named,
    ...(has("pyroscope_spy") ? [] : [{ name: "pyroscope_spy", value: spyName }]),
    ...own.filter(({ name }) => !given.has(name)),
  ];
}

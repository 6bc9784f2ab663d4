/** For Grafana, made by `UPDATE_GOLDEN=1 npx vitest run --project unit hack/metrics`. */
export const DASHBOARD_FILE = "hack/dashboards/brazier.json";

type Panel = {
  readonly title: string;
  readonly unit: string;
  readonly targets: readonly { readonly expr: string; readonly legend: string }[];
};
type Row = { readonly title: string; readonly panels: readonly Panel[] };

const SELECTED = 'job=~"$job",instance=~"$instance"';
const PUSHES = 'route=~".*Push|.*/ingest|.*profiles.*Export|/v1development/profiles"';
const QUERIES = 'route=~"/querier.*|/pyroscope/render.*"';

const rate = (metric: string, more = ""): string => `rate(${metric}{${SELECTED}${more === "" ? "" : `,${more}`}}[$__rate_interval])`;
const sum = (by: string, expression: string): string => `sum by (${by}) (${expression})`;
const quantiles = (metric: string, more = ""): Panel["targets"] =>
  [0.5, 0.95, 0.99].map((quantile) => ({
    expr: `histogram_quantile(${quantile}, ${sum("le", rate(`${metric}_bucket`, more))})`,
    legend: `p${quantile * 100}`,
  }));

/** From the way in to the way out, then the process. */
const ROWS: readonly Row[] = [
  {
    title: "Overview",
    panels: [
      {
        title: "Ready, by part",
        unit: "bool_yes_no",
        targets: [{ expr: `min by (instance, part) (brazier_ready{${SELECTED}})`, legend: "{{instance}} {{part}}" }],
      },
      { title: "Profiles", unit: "ops", targets: [{ expr: sum("tenant", rate("brazier_ingest_profiles_total")), legend: "{{tenant}}" }] },
      {
        title: "Queries",
        unit: "reqps",
        targets: [{ expr: sum("status_code", rate("brazier_http_request_duration_seconds_count", QUERIES)), legend: "{{status_code}}" }],
      },
    ],
  },
  {
    title: "Ingest",
    panels: [
      {
        title: "Pushes, by status",
        unit: "reqps",
        targets: [{ expr: sum("status_code", rate("brazier_http_request_duration_seconds_count", PUSHES)), legend: "{{status_code}}" }],
      },
      { title: "Time of a push", unit: "s", targets: quantiles("brazier_http_request_duration_seconds", PUSHES) },
      { title: "Received", unit: "Bps", targets: [{ expr: sum("way", rate("brazier_ingest_received_bytes_total")), legend: "{{way}}" }] },
      {
        title: "Refused profiles",
        unit: "ops",
        targets: [{ expr: sum("reason, tenant", rate("pyroscope_discarded_samples_total")), legend: "{{tenant}} {{reason}}" }],
      },
      { title: "Time of decoding", unit: "s", targets: quantiles("brazier_ingest_decode_duration_seconds") },
      { title: "Time until safe", unit: "s", targets: quantiles("brazier_ingest_publish_duration_seconds") },
    ],
  },
  {
    title: "Queue and segments",
    panels: [
      {
        title: "Waiting",
        unit: "bytes",
        targets: [{ expr: `max by (job) (brazier_queue_waiting_bytes{${SELECTED}})`, legend: "{{job}}" }],
      },
      { title: "Segments", unit: "ops", targets: [{ expr: sum("job", rate("brazier_segments_published_total")), legend: "{{job}}" }] },
      { title: "Time to put and commit", unit: "s", targets: quantiles("brazier_segment_publish_duration_seconds") },
      {
        title: "Given back, dead, repeated",
        unit: "ops",
        targets: [
          { expr: sum("reason", rate("brazier_segment_given_back_messages_total")), legend: "given back {{reason}}" },
          { expr: sum("reason", rate("brazier_segment_dead_letters_total")), legend: "dead {{reason}}" },
          { expr: sum("job", rate("brazier_segment_repeated_messages_total")), legend: "repeated" },
        ],
      },
    ],
  },
  {
    title: "Compaction",
    panels: [
      {
        title: "Live objects",
        unit: "short",
        targets: [{ expr: `max by (job) (brazier_catalog_live_objects{${SELECTED}})`, legend: "{{job}}" }],
      },
      {
        title: "Compactions",
        unit: "ops",
        targets: [{ expr: sum("reason, outcome", rate("brazier_compactions_total")), legend: "{{reason}} {{outcome}}" }],
      },
      {
        title: "Read and written",
        unit: "Bps",
        targets: [
          { expr: sum("job", rate("brazier_compaction_read_bytes_total")), legend: "read" },
          { expr: sum("job", rate("brazier_compaction_written_bytes_total")), legend: "written" },
        ],
      },
      {
        title: "Due to be merged",
        unit: "bytes",
        targets: [{ expr: `max by (job) (brazier_compaction_due_bytes{${SELECTED}})`, legend: "{{job}}" }],
      },
      { title: "Time of a compaction", unit: "s", targets: quantiles("brazier_compaction_duration_seconds") },
    ],
  },
  {
    title: "S3",
    panels: [
      { title: "Requests", unit: "ops", targets: [{ expr: sum("operation", rate("brazier_s3_requests_total")), legend: "{{operation}}" }] },
      {
        title: "Requests that failed",
        unit: "ops",
        targets: [
          {
            expr: sum(
              "operation, outcome",
              rate("brazier_s3_requests_total", 'outcome=~"throttled|server_error|no_answer|timeout|refused"'),
            ),
            legend: "{{operation}} {{outcome}}",
          },
        ],
      },
      {
        title: "Asked again",
        unit: "ops",
        targets: [
          { expr: sum("operation", rate("brazier_s3_retries_total")), legend: "{{operation}}" },
          { expr: sum("job", rate("brazier_s3_hedged_reads_total")), legend: "hedged reads" },
        ],
      },
      {
        title: "Bytes",
        unit: "Bps",
        targets: [
          { expr: sum("job", rate("brazier_s3_read_bytes_total")), legend: "read" },
          { expr: sum("job", rate("brazier_s3_written_bytes_total")), legend: "written" },
        ],
      },
    ],
  },
  {
    title: "Query",
    panels: [
      { title: "Time of a query", unit: "s", targets: quantiles("brazier_http_request_duration_seconds", QUERIES) },
      {
        title: "p95, by kind",
        unit: "s",
        targets: [
          {
            expr: `histogram_quantile(0.95, ${sum("route, le", rate("brazier_http_request_duration_seconds_bucket", QUERIES))})`,
            legend: "{{route}}",
          },
        ],
      },
    ],
  },
  {
    title: "Process",
    panels: [
      {
        title: "CPU",
        unit: "percentunit",
        targets: [{ expr: sum("instance", rate("process_cpu_seconds_total")), legend: "{{instance}}" }],
      },
      { title: "Memory", unit: "bytes", targets: [{ expr: `process_resident_memory_bytes{${SELECTED}}`, legend: "{{instance}}" }] },
      {
        title: "Event loop delay, p99",
        unit: "s",
        targets: [{ expr: `nodejs_eventloop_lag_p99_seconds{${SELECTED}}`, legend: "{{instance}}" }],
      },
      {
        title: "Bodies in flight",
        unit: "bytes",
        targets: [{ expr: `brazier_http_bodies_in_flight_bytes{${SELECTED}}`, legend: "{{instance}}" }],
      },
      {
        title: "Settings in force",
        unit: "bool_yes_no",
        targets: [{ expr: `min by (instance, setting) (brazier_reload_in_force{${SELECTED}})`, legend: "{{instance}} {{setting}}" }],
      },
    ],
  },
];

const PER_LINE = 3;
const [WIDTH, HEIGHT] = [8, 8];

export function dashboard(): object {
  let y = 0;
  const panels: object[] = [];
  for (const { title, panels: own } of ROWS) {
    panels.push({ type: "row", title, id: panels.length + 1, collapsed: false, panels: [], gridPos: { h: 1, w: 24, x: 0, y: y++ } });
    own.forEach((panel, index) => {
      const gridPos = { h: HEIGHT, w: WIDTH, x: (index % PER_LINE) * WIDTH, y: y + Math.floor(index / PER_LINE) * HEIGHT };
      panels.push({ ...timeSeries(panel), id: panels.length + 1, gridPos });
    });
    y += Math.ceil(own.length / PER_LINE) * HEIGHT;
  }
  return {
    uid: "brazier",
    title: "Brazier",
    tags: ["brazier", "profiling"],
    schemaVersion: 39,
    editable: true,
    refresh: "30s",
    time: { from: "now-1h", to: "now" },
    templating: {
      list: [
        { name: "datasource", type: "datasource", query: "prometheus", label: "Data source" },
        variable("job", "label_values(brazier_build_info, job)"),
        variable("instance", 'label_values(brazier_build_info{job=~"$job"}, instance)'),
      ],
    },
    panels,
  };
}

function timeSeries({ title, unit, targets }: Panel): object {
  return {
    type: "timeseries",
    title,
    datasource: SOURCE,
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    options: { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi", sort: "desc" } },
    targets: targets.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: SOURCE,
      expr,
      legendFormat: legend,
    })),
  };
}

const SOURCE = { type: "prometheus", uid: "${datasource}" };

function variable(name: string, query: string): object {
  return {
    name,
    type: "query",
    datasource: SOURCE,
    query,
    refresh: 2,
    includeAll: true,
    multi: true,
    allValue: ".*",
    current: { text: "All", value: "$__all" },
  };
}

type DashboardFile = { readonly panels: readonly { readonly targets?: readonly { readonly expr: string }[] }[] };

/** With Grafana's own variables filled in, as Prometheus gets them. */
export function dashboardExpressions({ panels }: DashboardFile): readonly string[] {
  return panels
    .flatMap((panel) => panel.targets ?? [])
    .map(({ expr }) => expr.replaceAll("$__rate_interval", "5m").replaceAll("$job", ".*").replaceAll("$instance", ".*"));
}

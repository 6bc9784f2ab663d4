import { type Kind, type KubeObject, kindId } from "../kube/object.ts";
import { type Context, stackObject } from "./context.ts";
import { HTTP_PORT, hostOf, STACK_NAME } from "./names.ts";

/** Kinds that a cluster has only when somebody installed them. */
export const OPTIONAL_KINDS = {
  serviceMonitor: { apiVersion: "monitoring.coreos.com/v1", kind: "ServiceMonitor" },
  prometheusRule: { apiVersion: "monitoring.coreos.com/v1", kind: "PrometheusRule" },
  grafanaDatasource: { apiVersion: "grafana.integreatly.org/v1beta1", kind: "GrafanaDatasource" },
  scaledObject: { apiVersion: "keda.sh/v1alpha1", kind: "ScaledObject" },
  httpRoute: { apiVersion: "gateway.networking.k8s.io/v1", kind: "HTTPRoute" },
} as const satisfies Record<string, Kind>;

/** What Prometheus and Grafana get, where the cluster knows their kinds. */
export function buildMonitoring(context: Context): readonly KubeObject[] {
  const { monitoring } = context.spec;
  const wanted = (name: "serviceMonitor" | "prometheusRule" | "grafanaDatasource"): boolean =>
    monitoring[name] !== "Never" && context.observed.kinds.has(kindId(OPTIONAL_KINDS[name]));
  return [
    ...(wanted("serviceMonitor") ? [serviceMonitor(context)] : []),
    ...(wanted("prometheusRule") ? [prometheusRule(context)] : []),
    ...(wanted("grafanaDatasource") ? [datasource(context)] : []),
    ...(monitoring.dashboard ? [dashboard(context)] : []),
  ];
}

function serviceMonitor(context: Context): KubeObject {
  const { monitoring } = context.spec;
  // Servers by their ports without tokens, and agents.
  const endpoints = ["status", "metrics"].map((port) => ({ port, path: "/metrics", interval: monitoring.interval, scheme: "http" }));
  return stackObject(
    context,
    { ...OPTIONAL_KINDS.serviceMonitor, part: "brazier", component: "monitoring", labels: monitoring.labels ?? {} },
    {
      spec: {
        jobLabel: "app.kubernetes.io/component",
        selector: { matchLabels: { [STACK_NAME]: context.key.name } },
        endpoints,
      },
    },
  );
}

function prometheusRule(context: Context): KubeObject {
  const { namespace, name } = context.key;
  const pods = `namespace="${namespace}", pod=~"${name}-.*"`;
  const alert = (title: string, expr: string, duration: string, severity: string, summary: string) => ({
    alert: title,
    expr,
    for: duration,
    labels: { severity },
    annotations: { summary },
  });
  return stackObject(
    context,
    { ...OPTIONAL_KINDS.prometheusRule, part: "brazier", component: "monitoring", labels: context.spec.monitoring.labels ?? {} },
    {
      spec: {
        groups: [
          {
            name: `brazier-${namespace}-${name}`,
            rules: [
              alert("BrazierDown", `up{${pods}} == 0`, "5m", "critical", "{{ $labels.pod }} gives no metrics"),
              alert(
                "BrazierDeadLetters",
                `increase(brazier_segment_dead_letters_total{${pods}}[15m]) > 0`,
                "0m",
                "warning",
                "messages could not be read and lie under dead/",
              ),
              alert(
                "BrazierCompactionFails",
                `increase(brazier_compactions_total{${pods}, outcome="failed"}[15m]) > 0`,
                "15m",
                "warning",
                "compaction keeps failing",
              ),
              alert(
                "BrazierQueueGrows",
                `deriv(brazier_queue_waiting_bytes{${pods}}[15m]) > 0`,
                "30m",
                "warning",
                "profiles come faster than they are stored",
              ),
            ],
          },
        ],
      },
    },
  );
}

function datasource(context: Context): KubeObject {
  const { namespace, name } = context.key;
  const scheme = context.spec.expose.tls === undefined ? "http" : "https";
  return stackObject(
    context,
    { ...OPTIONAL_KINDS.grafanaDatasource, part: "brazier", component: "monitoring", labels: context.spec.monitoring.labels ?? {} },
    {
      spec: {
        allowCrossNamespaceImport: true,
        instanceSelector: { matchLabels: {} },
        datasource: {
          name: `Brazier ${namespace}/${name}`,
          type: "grafana-pyroscope-datasource",
          access: "proxy",
          url: `${scheme}://${hostOf(context.key, "query")}:${HTTP_PORT}`,
        },
      },
    },
  );
}

function dashboard(context: Context): KubeObject {
  const { namespace, name } = context.key;
  const pods = `namespace="${namespace}", pod=~"${name}-.*"`;
  const queries: readonly (readonly [title: string, expr: string, unit: string])[] = [
    ["CPU by pod", `sum by (pod) (rate(process_cpu_seconds_total{${pods}}[5m]))`, "short"],
    ["Memory by pod", `process_resident_memory_bytes{${pods}}`, "bytes"],
    ["Bytes waiting in the queue", `sum(brazier_queue_waiting_bytes{${pods}})`, "bytes"],
    ["Profiles refused, by reason", `sum by (reason) (rate(pyroscope_discarded_samples_total{${pods}}[5m]))`, "short"],
  ];
  const panels = queries.map(([title, expr, unit], at) => ({
    id: at + 1,
    type: "timeseries",
    title,
    gridPos: { x: (at % 2) * 12, y: Math.floor(at / 2) * 8, w: 12, h: 8 },
    fieldConfig: { defaults: { unit }, overrides: [] },
    targets: [{ refId: "A", expr, legendFormat: "__auto" }],
  }));
  const content = {
    title: `Brazier ${namespace}/${name}`,
    uid: `brazier-${name}`.slice(0, 40),
    schemaVersion: 39,
    time: { from: "now-6h", to: "now" },
    panels,
  };
  return stackObject(
    context,
    { apiVersion: "v1", kind: "ConfigMap", part: "dashboard", component: "monitoring", labels: { grafana_dashboard: "1" } },
    { data: { "brazier.json": JSON.stringify(content, undefined, 2) } },
  );
}

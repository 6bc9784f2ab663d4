import type { SourceMetric } from "./source-metrics.ts";

/** Headings by where a metric is declared; the first that fits. */
const SECTIONS: readonly (readonly [prefix: string, heading: string])[] = [
  ["pipeline/roles/ingest/", "Ingest"],
  ["pipeline/queue/", "Queue"],
  ["pipeline/nats/", "NATS"],
  ["pipeline/roles/segment/", "Segment"],
  ["pipeline/roles/compact/", "Compact"],
  ["pipeline/roles/query/", "Query"],
  ["pipeline/catalog/", "Catalog"],
  ["pipeline/objects/", "Bucket"],
  ["pipeline/", "Process"],
];

/** `docs/metrics.md`, made of the source; a test compares. */
export function metricsDocument(metrics: readonly SourceMetric[]): string {
  const head = `# Metrics

What \`GET /metrics\` can show. A process has those of its roles, and the usual ones of a Node process (\`process_*\`, \`nodejs_*\`). Histograms have
\`_bucket\`, \`_sum\` and \`_count\`. Which of them are worth an alert is in [operations.md](operations.md); rules and a dashboard for Grafana are in
\`hack/dashboards/\`.

This page is made from the source (\`UPDATE_GOLDEN=1 npx vitest run --project unit hack/metrics\`); do not edit it.
`;
  const tables = SECTIONS.map(([, heading]) => {
    const rows = metrics.filter((metric) => sectionOf(metric) === heading).map(rowOf);
    if (rows.length === 0) return "";
    return `\n## ${heading}\n\n| metric | kind | labels | what it says |\n|---|---|---|---|\n${rows.join("\n")}\n`;
  });
  return head + tables.join("");
}

function sectionOf({ file }: SourceMetric): string | undefined {
  return SECTIONS.find(([prefix]) => file.startsWith(prefix))?.[1];
}

function rowOf({ name, kind, labels, help }: SourceMetric): string {
  const shown = labels.map((label) => `\`${label}\``).join(", ");
  const sentence = help.charAt(0).toUpperCase() + help.slice(1) + (/[.)]$/.test(help) ? "" : ".");
  return `| \`${name}\` | ${kind} | ${shown} | ${sentence.replaceAll("|", "\\|")} |`;
}

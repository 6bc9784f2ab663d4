import { parse } from "yaml";

/** Prometheus rules, kept by hand; what to do about each alert is in docs/operations.md. */
export const ALERTS_FILE = "hack/dashboards/alerts.yaml";

type Rules = { readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[] };
type Rule = {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook: string };
};

/** Also checks the form that Prometheus wants. */
export function alertExpressions(text: string): readonly string[] {
  const { groups } = parse(text) as Rules;
  return groups.flatMap(({ name, rules }) =>
    rules.map((rule) => {
      const { alert, expr, labels, annotations } = rule;
      const strange = Object.keys(rule).filter((key) => !["alert", "expr", "for", "labels", "annotations"].includes(key));
      if (strange.length > 0) throw new Error(`${name}/${alert}: Prometheus knows no ${strange.join(", ")}`);
      if (!/^[A-Z]\w+$/.test(alert)) throw new Error(`${name}: '${alert}' is no name of an alert`);
      if (rule.for !== undefined && !/^\d+[smhd]$/.test(rule.for)) throw new Error(`${alert}: '${rule.for}' is no duration`);
      if (!["warning", "critical"].includes(labels.severity)) throw new Error(`${alert}: severity is warning or critical`);
      if (annotations.summary === "" || !annotations.runbook.endsWith(`#${alert.toLowerCase()}`))
        throw new Error(`${alert}: needs a summary and its runbook`);
      return expr;
    }),
  );
}

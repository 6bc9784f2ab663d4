import { parseAllDocuments, stringify } from "yaml";

export const INSTALL_NAMESPACE = "brazier-system";

const HEADING = `# Brazier's operator for clusters without Helm: kubectl apply --server-side -f install.yaml
# Made of the chart: UPDATE_GOLDEN=1 npx vitest run --project golden test/golden/chart.test.ts
`;

/** What the chart renders, as one file for `kubectl apply`: the namespace and the definitions of the kinds first, and no word of Helm. Pure. */
export function plainInstall(rendered: string, definitions: readonly string[]): string {
  const objects = parseAllDocuments(rendered)
    .map((document) => document.toJS() as unknown)
    .filter((manifest) => manifest !== null);
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: INSTALL_NAMESPACE } };
  const all = [stringify(namespace), ...definitions, ...objects.map((object) => stringify(withoutHelm(object), { lineWidth: 0 }))];
  return HEADING + all.map((text) => `---\n${text}`).join("");
}

/** Labels say who manages an object, wherever they are: on pods, too. */
function withoutHelm(value: unknown, at = ""): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutHelm(item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, inner]) => at !== "labels" || (name !== "helm.sh/chart" && inner !== "Helm"))
      .map(([name, inner]) => [name, withoutHelm(inner, name)]),
  );
}

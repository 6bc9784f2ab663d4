import { OPTIONAL_KINDS } from "../../operator/desired/monitoring.ts";
import { OWNED_KINDS } from "../../operator/kube/kinds.ts";

/** Definitions of the kinds that others bring, with any form: enough for objects of them to be kept. */
export function optionalDefinitions(): readonly object[] {
  return Object.values(OPTIONAL_KINDS).map(({ apiVersion, kind }) => {
    const [group, version] = apiVersion.split("/") as [string, string];
    const plural = OWNED_KINDS.find((row) => row.kind === kind)?.plural as string;
    return {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      // Groups of Kubernetes itself ask for a word that the kind was reviewed.
      metadata: { name: `${plural}.${group}`, annotations: { "api-approved.kubernetes.io": "unapproved, for a test" } },
      spec: {
        group,
        scope: "Namespaced",
        names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
        versions: [
          {
            name: version,
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
          },
        ],
      },
    };
  });
}

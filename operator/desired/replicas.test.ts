import { describe, expect, it } from "vitest";
import type { KubeObject } from "../kube/object.ts";
import type { Context } from "./context.ts";
import { FIELD_MANAGER } from "./names.ts";
import { replicasUntilTaken } from "./replicas.ts";

/** Queriers between 2 and 9 pods, with so many there and these entries of who set what. */
function given(replicas: number | undefined, managedFields: readonly unknown[] = []): Context {
  const deployment: KubeObject = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "main-query", namespace: "profiling", ...{ managedFields } },
    spec: { replicas },
  };
  return {
    spec: { query: { autoscaling: { minReplicas: 2, maxReplicas: 9 } } },
    key: { namespace: "profiling", name: "main" },
    observed: { owned: replicas === undefined ? [] : [deployment] },
  } as unknown as Context;
}
const setBy = (manager: string, fields: object = { "f:replicas": {} }) => ({ manager, fieldsV1: { "f:spec": fields } });

describe("replicasUntilTaken", () => {
  it("begins with the fewest, and keeps those there within the bounds", () => {
    expect(replicasUntilTaken(given(undefined), "query")).toBe(2);
    expect(replicasUntilTaken(given(5, [setBy(FIELD_MANAGER)]), "query")).toBe(5);
    expect(replicasUntilTaken(given(1, [setBy(FIELD_MANAGER)]), "query")).toBe(2);
    expect(replicasUntilTaken(given(30, [setBy(FIELD_MANAGER)]), "query")).toBe(9);
  });

  it("says nothing once somebody else has set the number, whoever sets the rest", () => {
    const rest = setBy("kubectl", { "f:template": {} });
    expect(replicasUntilTaken(given(5, [setBy(FIELD_MANAGER), rest]), "query")).toBe(5);
    expect(replicasUntilTaken(given(5, [rest, setBy("kube-controller-manager")]), "query")).toBeUndefined();
  });

  it("says nothing of a part without bounds", () => {
    expect(replicasUntilTaken(given(5), "ingest")).toBeUndefined();
  });
});

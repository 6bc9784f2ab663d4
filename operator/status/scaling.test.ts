import { beforeAll, describe, expect, it } from "vitest";
import type { UnixMs } from "../../pipeline/base/units.ts";
import { contextOf } from "../desired/context.ts";
import { buildDesired } from "../desired/desired.ts";
import type { KubeObject } from "../kube/object.ts";
import { readSchema, type Schema } from "../manifests/schema.ts";
import type { Observed } from "../observe/observed.ts";
import { observedOf } from "../observe/testing/observed.ts";
import type { MetricOffer } from "../scaling/in-flight.ts";
import { scalingOf } from "./scaling.ts";

let schema: Schema;
beforeAll(async () => {
  schema = await readSchema("profilingstacks.yaml");
});

const SETTINGS = { version: "1.0.0" };
const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5) as UnixMs;

function observed(spec: object, more: Partial<Observed> = {}): Observed {
  return observedOf(schema, spec, more);
}

/** After the operator's objects were applied, and the autoscaler's controller has written a status. */
function scaledQueriers(inFlight: MetricOffer, status: object, targetInFlight = 4): ReturnType<typeof scalingOf> {
  const world = observed({ query: { autoscaling: { minReplicas: 2, maxReplicas: 9, targetInFlight } } }, { inFlight });
  const owned = buildDesired(world, SETTINGS).map(
    (object): KubeObject => (object.kind === "HorizontalPodAutoscaler" ? { ...object, status } : object),
  );
  return scalingOf(contextOf({ ...world, owned }, SETTINGS), true, NOW_MS);
}

describe("the status of scaling", () => {
  it("says of queriers what their autoscaler decided, between what, and by what", () => {
    const rows = scaledQueriers("offered", { desiredReplicas: 5, lastScaleTime: "2026-01-01T00:00:00Z" });
    expect(rows).toEqual([
      {
        component: "query",
        replicas: 5,
        minReplicas: 2,
        maxReplicas: 9,
        by: "HorizontalPodAutoscaler",
        reason: "by CPU (70 %) and questions in flight (4 for each querier)",
        lastScaleTime: "2026-01-01T00:00:00Z",
      },
    ]);
  });

  it.each<[MetricOffer, number, RegExp]>([
    ["not_served", 4, /CPU .* alone: the cluster serves no custom\.metrics\.k8s\.io; .*docs\/kubernetes\.md/],
    ["not_offered", 4, /alone: custom\.metrics\.k8s\.io has no brazier_query_in_flight; /],
    ["silent", 4, /does not answer; see the APIService/],
    ["offered", 0, /alone, as spec\.query\.autoscaling\.targetInFlight asks/],
  ])("says why CPU alone decides: %s, target %i", (offer, target, reason) => {
    expect(scaledQueriers(offer, {}, target)).toMatchObject([{ replicas: 2, reason: expect.stringMatching(reason) }]);
  });

  it("says in the autoscaler's words why it cannot decide, and when its bound holds it", () => {
    const blind = { type: "ScalingActive", status: "False", reason: "FailedGetResourceMetric", message: "no metrics known" };
    expect(scaledQueriers("offered", { conditions: [blind] })[0]?.reason).toMatch(
      /it cannot decide: FailedGetResourceMetric: no metrics known$/,
    );
    const bound = { type: "ScalingLimited", status: "True", reason: "TooManyReplicas", message: "the desired count is above" };
    expect(scaledQueriers("offered", { conditions: [bound] })[0]?.reason).toMatch(/more than maxReplicas would be needed$/);
  });

  it("tells a decision of the operator only once it was carried out", () => {
    const world = observed({ segment: { autoscaling: { minReplicas: 2, maxReplicas: 90 } } });
    const context = contextOf(world, SETTINGS);
    expect(scalingOf(context, false, NOW_MS)).toEqual([]);
    // A small stack has 16 partitions.
    const row = { component: "segment", replicas: 2, minReplicas: 2, maxReplicas: 16, by: "Operator", reason: "begins with minReplicas" };
    expect(scalingOf(context, true, NOW_MS)).toEqual([row]);
    const told = { ...row, replicas: 7, reason: "many profiles wait", lastScaleTime: "2025-12-31T00:00:00Z" };
    const later = { ...world, stack: { ...world.stack, status: { scaling: [told] } } } as Observed;
    expect(scalingOf(contextOf(later, SETTINGS), false, NOW_MS)).toEqual([told]);
    expect(scalingOf(contextOf(later, SETTINGS), true, NOW_MS)).toEqual([{ ...row, lastScaleTime: "2026-01-02T03:04:05Z" }]);
  });

  it("says of KEDA's workers what KEDA decided, and what it waits for or lacks", () => {
    const world = observed({ segment: { autoscaling: { by: "KEDA", minReplicas: 2, maxReplicas: 90 } } });
    const desired = buildDesired(world, SETTINGS);
    const rowsWith = (status: object, more: readonly KubeObject[] = []): ReturnType<typeof scalingOf> => {
      const owned = desired.map((object): KubeObject => (object.kind === "ScaledObject" ? { ...object, status } : object));
      return scalingOf(contextOf({ ...world, owned: [...owned, ...more] }, SETTINGS), true, NOW_MS);
    };
    const row = { component: "segment", minReplicas: 2, maxReplicas: 16, by: "KEDA" };
    expect(rowsWith({})).toMatchObject([
      { ...row, replicas: 2, reason: expect.stringContaining("has not taken up ScaledObject main-segment") },
    ]);
    const ready = (status: string) => ({
      conditions: [{ type: "Ready", status, reason: "ScaledObjectCheckFailed", message: "no such trigger" }],
    });
    expect(rowsWith(ready("False"))).toMatchObject([{ ...row, reason: "KEDA cannot decide: ScaledObjectCheckFailed: no such trigger" }]);
    const autoscaler = {
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: { name: "keda-hpa-main-segment", namespace: "profiling" },
      status: { desiredReplicas: 11, lastScaleTime: "2026-01-01T00:00:00Z" },
    };
    expect(rowsWith(ready("True"), [autoscaler])).toEqual([
      {
        ...row,
        replicas: 11,
        reason: "by messages that wait (500 for each worker) and their age (10s)",
        lastScaleTime: "2026-01-01T00:00:00Z",
      },
    ]);
  });

  it("says nothing of parts whose number is fixed", () => {
    expect(scalingOf(contextOf(observed({ query: { replicas: 3 } }), SETTINGS), true, NOW_MS)).toEqual([]);
  });
});

import { describe, expect, it } from "vitest";
import { CodedError, FaultKind } from "../../pipeline/base/errors.ts";
import type { Context } from "../desired/context.ts";
import type { KubeObject } from "../kube/object.ts";
import { IN_FLIGHT_METRIC, inFlightTarget, type MetricOffer, offerOf } from "./in-flight.ts";
import { InFlightOffer } from "./in-flight-offer.ts";

const METRIC = `pods/${IN_FLIGHT_METRIC}`;

describe("offerOf", () => {
  it.each<[string, readonly (readonly string[] | undefined)[], MetricOffer]>([
    ["no version of the group", [undefined, undefined], "not_served"],
    ["a version with other metrics", [undefined, ["pods/http_requests", `namespaces/${IN_FLIGHT_METRIC}`]], "not_offered"],
    ["a version with nothing", [[], undefined], "not_offered"],
    ["the metric in the older version", [undefined, [METRIC]], "offered"],
    ["the metric in one of two versions", [["pods/http_requests"], [METRIC]], "offered"],
  ])("of %s", (_, versions, offer) => {
    expect(offerOf(versions)).toBe(offer);
  });
});

describe("inFlightTarget", () => {
  const autoscaler = (metrics: readonly unknown[]): KubeObject => ({
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: { name: "main-query", namespace: "profiling" },
    spec: { metrics },
  });
  const given = (inFlight: MetricOffer, targetInFlight = 5, owned: readonly KubeObject[] = []): Context =>
    ({
      spec: { query: { autoscaling: { targetInFlight } } },
      key: { namespace: "profiling", name: "main" },
      observed: { inFlight, owned },
    }) as unknown as Context;
  const pods = { type: "Pods", pods: { metric: { name: IN_FLIGHT_METRIC } } };

  it("is what the spec says where the metric is offered, and only there", () => {
    expect(inFlightTarget(given("offered"))).toBe(5);
    expect(inFlightTarget(given("not_offered"))).toBeUndefined();
    expect(inFlightTarget(given("not_served"))).toBeUndefined();
    expect(inFlightTarget(given("offered", 0))).toBeUndefined();
  });

  it("stays what it is while the adapter is silent", () => {
    expect(inFlightTarget(given("silent", 5, [autoscaler([{ type: "Resource" }])]))).toBeUndefined();
    expect(inFlightTarget(given("silent", 5, [autoscaler([{ type: "Resource" }, pods])]))).toBe(5);
  });
});

describe("InFlightOffer", () => {
  const answers = { v1beta2: undefined as readonly string[] | undefined, v1beta1: undefined as readonly string[] | undefined };
  let [asked, nowMs, silent] = [0, 0, false];
  const served = async (groupVersion: string): Promise<readonly string[] | undefined> => {
    asked++;
    if (silent) throw new CodedError("cluster_unavailable", FaultKind.Unavailable, "the adapter is away");
    return answers[groupVersion.split("/")[1] as keyof typeof answers];
  };
  const offer = new InFlightOffer({ served }, { monotonicMs: () => nowMs });

  it("asks once for all stacks, and again after half a minute", async () => {
    expect(await Promise.all([offer.get(), offer.get()])).toEqual(["not_served", "not_served"]);
    answers.v1beta1 = [METRIC];
    expect(await offer.get()).toBe("not_served");
    expect(asked).toBe(2);
    nowMs = 30_000;
    expect(await offer.get()).toBe("offered");
  });

  it("is silent, and no failure, while the adapter does not answer", async () => {
    [silent, nowMs] = [true, 60_000];
    expect(await offer.get()).toBe("silent");
    [silent, nowMs] = [false, 90_000];
    expect(await offer.get()).toBe("offered");
  });
});

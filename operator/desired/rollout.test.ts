import { beforeAll, describe, expect, it } from "vitest";
import { type KubeObject, textAt } from "../kube/object.ts";
import { readSchema, type Schema } from "../manifests/schema.ts";
import type { Observed } from "../observe/observed.ts";
import { observedOf } from "../observe/testing/observed.ts";
import { contextOf } from "./context.ts";
import { buildDesired } from "./desired.ts";
import { isHealthy, partsToUpgrade, UPGRADE_ORDER } from "./rollout.ts";

/* A world in which what is desired is applied, and workloads become healthy when the test says so. */

const OLD = { version: "1.0.0" };
const NEW = { version: "1.1.0" };

let schema: Schema;
beforeAll(async () => {
  schema = await readSchema("profilingstacks.yaml");
});

function world(owned: readonly KubeObject[]): Observed {
  return observedOf(schema, {}, { owned });
}

/** What controllers make of applied objects; those of `sick` parts never become ready. */
function running(objects: readonly KubeObject[], sick: readonly string[] = []): readonly KubeObject[] {
  return objects.map((object) => {
    const part = object.metadata.labels?.["app.kubernetes.io/component"] ?? "";
    const ready = sick.includes(part) ? 0 : 9;
    const status = {
      observedGeneration: 1,
      readyReplicas: ready,
      updatedReplicas: 9,
      numberReady: ready,
      desiredNumberScheduled: 2,
      updatedNumberScheduled: 9,
    };
    return { ...object, metadata: { ...object.metadata, generation: 1 }, status };
  });
}

function versions(objects: readonly KubeObject[]): Readonly<Record<string, string | undefined>> {
  const tag = (part: string): string | undefined =>
    textAt(
      objects.find(({ metadata, kind }) => metadata.name === `main-${part}` && /Deployment|DaemonSet/.test(kind)),
      ...["spec", "template", "spec", "containers", 0, "image"],
    )?.split(":")[1];
  return Object.fromEntries(UPGRADE_ORDER.map((part) => [part, tag(part)]));
}

const partsOn = (objects: readonly KubeObject[], version: string): readonly string[] =>
  UPGRADE_ORDER.filter((part) => versions(objects)[part] === version);

describe("a change of version", () => {
  it("goes one part at a time, readers before writers", () => {
    let objects = buildDesired(world([]), OLD);
    expect(partsOn(objects, "1.0.0")).toEqual(UPGRADE_ORDER);
    for (let done = 1; done <= UPGRADE_ORDER.length; done++) {
      const before = world(running(objects));
      expect(partsToUpgrade(contextOf(before, NEW))).toEqual(UPGRADE_ORDER.slice(done - 1));
      objects = buildDesired(before, NEW);
      expect(partsOn(objects, "1.1.0")).toEqual(UPGRADE_ORDER.slice(0, done));
    }
    expect(partsToUpgrade(contextOf(world(running(objects)), NEW))).toEqual([]);
  });

  it("waits for a part that does not become ready, and goes back when the version is set back", () => {
    let objects = buildDesired(world(running(buildDesired(world([]), OLD))), NEW);
    expect(partsOn(objects, "1.1.0")).toEqual(["query"]);
    objects = buildDesired(world(running(objects, ["query"])), NEW);
    expect(partsOn(objects, "1.1.0")).toEqual(["query"]);
    objects = buildDesired(world(running(objects, ["query"])), OLD);
    expect(partsOn(objects, "1.0.0")).toEqual(UPGRADE_ORDER);
  });
});

describe("a workload", () => {
  const spec = { replicas: 1 };
  const status = (counts: object): KubeObject => ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "main-query", generation: 2 },
    spec,
    status: { observedGeneration: 2, ...counts },
  });

  it("is healthy when its pods have its form and are ready", () => {
    expect(isHealthy(status({ replicas: 1, updatedReplicas: 1, readyReplicas: 1 }))).toBe(true);
    expect(isHealthy(status({ replicas: 1, updatedReplicas: 1 }))).toBe(false);
    expect(isHealthy(status({ observedGeneration: 1, replicas: 1, updatedReplicas: 1, readyReplicas: 1 }))).toBe(false);
  });

  it("is not while the only ready pod is one of the form before", () => {
    expect(isHealthy(status({ replicas: 2, updatedReplicas: 1, readyReplicas: 1 }))).toBe(false);
  });
});

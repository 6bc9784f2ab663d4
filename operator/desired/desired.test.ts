import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { idOf, type KubeObject, kindId, valueAt } from "../kube/object.ts";
import { readSchema, type Schema } from "../manifests/schema.ts";
import type { Observed } from "../observe/observed.ts";
import { observedOf } from "../observe/testing/observed.ts";
import { buildDesired } from "./desired.ts";
import { OPTIONAL_KINDS } from "./monitoring.ts";

/* Random specs that the API server would accept; what must hold of every stack holds of theirs. */

let schema: Schema;
beforeAll(async () => {
  schema = await readSchema("profilingstacks.yaml");
});

const scaling = fc.record({ minReplicas: fc.integer({ min: 1, max: 5 }), maxReplicas: fc.integer({ min: 5, max: 50 }) });
const component = fc.oneof(
  fc.record({ replicas: fc.integer({ min: 0, max: 9 }), topologySpread: fc.boolean() }),
  fc.record({ autoscaling: scaling, disruptionBudget: fc.boolean() }),
);
const option = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });
const clusterSpec = fc.record({
  size: fc.constantFrom("small", "medium", "large"),
  storage: fc.record({
    s3: fc.record({
      bucket: fc.constant("profiles"),
      credentialsSecret: option(fc.constant({ name: "s3" })),
      caSecret: option(fc.constant({ name: "ca" })),
    }),
  }),
  queue: option(
    fc.oneof(
      fc.record({ nats: fc.record({ replicas: fc.constantFrom(1, 3, 5), tls: fc.boolean() }) }),
      fc.constant({ external: { servers: ["nats://nats:4222"], userSecret: { name: "nats-user" } } }),
    ),
  ),
  ingest: option(component),
  segment: option(fc.oneof(component, fc.record({ autoscaling: scaling.map((bounds) => ({ ...bounds, by: "KEDA" })) }))),
  compact: option(component),
  query: option(component),
  agent: fc.record({ enabled: fc.boolean(), labels: option(fc.constant({ a: "b" })) }),
  expose: fc.record({
    ingress: option(fc.constant({ host: "a.example.com" })),
    tls: option(fc.constant({ secretName: "tls" })),
    httpRoute: option(fc.constant({ parentRefs: [{ name: "edge" }] })),
  }),
  networkPolicy: fc.record({ enabled: fc.boolean() }),
  monitoring: fc.record({ dashboard: fc.boolean() }),
});
const demoSpec = fc.record({ size: fc.constant("demo"), storage: fc.constantFrom({ directory: {} }, { s3: { bucket: "profiles" } }) });

function observed(spec: object): Observed {
  return observedOf(schema, spec, {
    kinds: new Set(Object.values(OPTIONAL_KINDS).map(kindId)),
    nats: { user: "u", password: "p", tls: { caCertificate: "a", caKey: "d", certificate: "b", key: "c" } },
  });
}

const workloads = (objects: readonly KubeObject[]) =>
  objects.filter(({ kind }) => ["Deployment", "StatefulSet", "DaemonSet"].includes(kind));
const labelsFit = (selector: unknown, labels: unknown): boolean =>
  Object.entries(selector as Record<string, string>).every(([name, value]) => valueAt(labels, name) === value);

function always(check: (objects: readonly KubeObject[], given: Observed) => void): void {
  fc.assert(
    fc.property(fc.oneof(clusterSpec, demoSpec), (spec) => {
      const given = observed(spec);
      check(buildDesired(given, { version: "1.0.0" }), given);
    }),
    { numRuns: 150 },
  );
}

describe("what is desired of any stack", () => {
  it("is the same when asked again, with what was applied in the world", () => {
    always((objects, given) => {
      const again = buildDesired({ ...given, owned: objects }, { version: "1.0.0" });
      expect(again).toEqual(objects);
    });
  });

  it("has names that are its own, short enough, and no undefined value", () => {
    always((objects) => {
      expect(new Set(objects.map(idOf)).size).toBe(objects.length);
      for (const object of objects) expect(object.metadata.name.length).toBeLessThanOrEqual(63);
      expect(JSON.parse(JSON.stringify(objects))).toEqual(objects);
    });
  });

  it("has workloads whose selectors find their pods, and Services and budgets that find a workload's", () => {
    always((objects) => {
      const pods = workloads(objects).map((object) => valueAt(object, "spec", "template", "metadata", "labels"));
      for (const object of workloads(objects))
        expect(
          labelsFit(valueAt(object, "spec", "selector", "matchLabels"), valueAt(object, "spec", "template", "metadata", "labels")),
        ).toBe(true);
      for (const object of objects) {
        const selector =
          object.kind === "Service"
            ? valueAt(object, "spec", "selector")
            : object.kind === "PodDisruptionBudget"
              ? valueAt(object, "spec", "selector", "matchLabels")
              : undefined;
        if (selector !== undefined) expect(pods.filter((labels) => labelsFit(selector, labels))).toHaveLength(1);
      }
    });
  });

  it("gives the data plane no rights in the cluster, and the servers no token", () => {
    always((objects) => {
      const roles = objects.filter(({ kind }) => /Role/.test(kind));
      expect(
        roles.every(({ kind, metadata }) => kind === "ClusterRoleBinding" && metadata.labels?.["app.kubernetes.io/component"] === "agent"),
      ).toBe(true);
      for (const object of workloads(objects).filter(({ kind }) => kind !== "DaemonSet")) {
        const pod = valueAt(object, "spec", "template", "spec");
        expect(valueAt(pod, "automountServiceAccountToken")).toBe(false);
        expect(valueAt(pod, "securityContext", "runAsNonRoot")).toBe(true);
        expect(valueAt(pod, "containers", 0, "securityContext", "capabilities")).toEqual({ drop: ["ALL"] });
      }
    });
  });

  it("mounts every volume it has, and has every volume it mounts", () => {
    always((objects) => {
      for (const object of workloads(objects)) {
        const pod = valueAt(object, "spec", "template", "spec");
        const named = (list: unknown): readonly string[] => (list as readonly { name: string }[]).map(({ name }) => name).sort();
        const claims = object.kind === "StatefulSet" ? ["data"] : [];
        expect(named(valueAt(pod, "containers", 0, "volumeMounts"))).toEqual([...named(valueAt(pod, "volumes")), ...claims].sort());
      }
    });
  });

  it("is owned by the stack, but for what belongs to no namespace", () => {
    always((objects) => {
      for (const { kind, metadata } of objects) {
        if (kind === "ClusterRoleBinding") expect(metadata.namespace).toBeUndefined();
        else expect(metadata.ownerReferences?.map(({ uid }) => uid)).toEqual(["u1"]);
      }
    });
  });
});

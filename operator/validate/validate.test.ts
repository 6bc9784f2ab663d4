import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SIZES } from "../desired/sizes.ts";
import type { Observed } from "../observe/observed.ts";
import { validate } from "./validate.ts";

/* What the operator refuses by itself, whatever form of the kind a cluster has. */

const SETTINGS = { version: "1.0.0" };

function observed(
  spec: object,
  nats: { readonly replicas: number; readonly made?: number; readonly isLeaving?: boolean } | undefined,
): Observed {
  const { replicas, made, isLeaving = false } = nats ?? { replicas: 0 };
  const metadata = {
    name: "main-nats",
    namespace: "p",
    annotations: made === undefined ? {} : { "profiling.brazier.dev/servers": String(made) },
    ...(isLeaving ? { deletionTimestamp: "2026-03-01T12:00:00Z" } : {}),
  };
  return {
    stack: {
      metadata: { name: "main", namespace: "p", uid: "u" },
      spec: {
        size: "small",
        storage: { s3: { bucket: "b" } },
        auth: { mode: "none" },
        agent: { enabled: false },
        monitoring: {},
        expose: {},
        ...spec,
      },
    },
    secrets: new Map(),
    owned: nats === undefined ? [] : [{ apiVersion: "apps/v1", kind: "StatefulSet", metadata, spec: { replicas } }],
    kinds: new Set(),
    policies: [],
    nats: undefined,
    lag: [],
  } as unknown as Observed;
}
const servers = (replicas: number) => ({ queue: { nats: { replicas } } });

describe("a stack's own NATS", () => {
  it.each([
    ["is not there yet", servers(3), undefined],
    ["stays as it is", servers(3), { replicas: 3 }],
    ["grows from 3 to 5", servers(5), { replicas: 3, made: 3 }],
    ["was scaled by hand and is put right", servers(3), { replicas: 0, made: 3 }],
    ["was scaled up by hand and is put right", {}, { replicas: 3, made: 1 }],
    ["is on its way out", servers(1), { replicas: 3, isLeaving: true }],
  ] as const)("may be changed where it %s", (_, spec, nats) => {
    expect(validate(observed(spec, nats), SETTINGS)).toEqual([]);
  });

  it.each([
    ["shrinks", servers(1), { replicas: 3, made: 3 }, "QueueResized", "spec.queue.nats.replicas", "set spec.queue.nats.replicas to 3"],
    ["shrinks by its size", {}, { replicas: 3, made: 3 }, "QueueResized", "spec.size", "set spec.queue.nats.replicas to 3"],
    ["grows from 1", servers(3), { replicas: 1, made: 1 }, "QueueResized", "spec.queue.nats.replicas", "set spec.queue.nats.replicas to 1"],
    ["shrinks, made before it was noted", servers(3), { replicas: 5 }, "QueueResized", "spec.queue.nats.replicas", "to 5"],
    ["makes room for a demo", { size: "demo" }, { replicas: 1 }, "QueueExchanged", "spec.size", "take the change back"],
    [
      "makes room for an external one",
      { queue: { external: { servers: ["nats://n:4222"] } } },
      { replicas: 1 },
      "QueueExchanged",
      "spec.queue.external",
      "take the change back",
    ],
  ] as const)("is left alone where it %s", (_, spec, nats, reason, path, remedy) => {
    const faults = validate(observed(spec, nats), SETTINGS);
    expect(faults).toMatchObject([{ reason, path }]);
    expect(faults[0]?.message.startsWith(`${path}: `)).toBe(true);
    expect(faults[0]?.message).toContain(remedy);
  });
});

describe("the rules of the kind about sizes", () => {
  it("have the numbers that the sizes stand for", () => {
    const text = readFileSync(join(import.meta.dirname, "../../crds/profilingstacks.yaml"), "utf8");
    const map = (of: (size: keyof typeof SIZES) => string | number): string =>
      `{${(["small", "medium", "large"] as const).map((size) => `'${size}': ${of(size)}`).join(", ")}}`;
    expect(text).toContain(map((size) => SIZES[size].nats.replicas));
    expect(text).toContain(map((size) => SIZES[size].partitions));
    expect(text).toContain(map((size) => `'${SIZES[size].nats.volume}'`));
    // And no others.
    expect([...text.matchAll(/\{'small': [^}]*\}/g)].map(([found]) => found).sort()).toEqual(
      [
        ...Array.from({ length: 4 }, () => map((size) => SIZES[size].nats.replicas)),
        ...Array.from({ length: 2 }, () => map((size) => SIZES[size].partitions)),
        ...Array.from({ length: 2 }, () => map((size) => `'${SIZES[size].nats.volume}'`)),
      ].sort(),
    );
  });
});

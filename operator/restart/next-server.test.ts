import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { UnixMs } from "../../pipeline/base/units.ts";
import type { KubeObject } from "../kube/object.ts";
import { nextServer } from "./next-server.ts";

const NOW_MS = Date.UTC(2026, 0, 1) as UnixMs;

type Server = { readonly revision: "old" | "new"; readonly readyForMs: number | undefined; readonly ending?: boolean };

function pod(index: number, { revision, readyForMs, ending = false }: Server): KubeObject {
  const lastTransitionTime = new Date(NOW_MS - (readyForMs ?? 7_000)).toISOString();
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: `main-nats-${index}`,
      labels: { "controller-revision-hash": revision },
      ...(ending ? { deletionTimestamp: lastTransitionTime } : {}),
    },
    status: { conditions: [{ type: "Ready", status: readyForMs === undefined ? "False" : "True", lastTransitionTime }] },
  };
}

function step(servers: readonly Server[], { replicas = servers.length, generation = 4, seen = 4 } = {}) {
  const workload = {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: "main-nats", generation },
    spec: { replicas },
    status: { observedGeneration: seen, updateRevision: "new" },
  };
  const next = nextServer({ workload, pods: servers.map((server, index) => pod(index, server)) }, NOW_MS);
  return next.kind === "restart" ? next.pod.metadata.name : next.kind === "waits" ? `waits for ${next.away?.name}` : next.kind;
}

const OLD: Server = { revision: "old", readyForMs: 60_000 };
const NEW: Server = { revision: "new", readyForMs: 60_000 };
const away = (server: Server): Server => ({ ...server, readyForMs: undefined });

describe("nextServer", () => {
  it.each<[string, readonly Server[], string]>([
    ["all are new and ready", [NEW, NEW, NEW], "settled"],
    ["all are old and ready: the last first", [OLD, OLD, OLD], "main-nats-2"],
    ["the last is new", [OLD, OLD, NEW], "main-nats-1"],
    ["a single one is old", [OLD], "main-nats-0"],
    ["a restarted one is not ready yet", [OLD, OLD, away(NEW)], "waits for main-nats-2"],
    ["a restarted one is ready for less than 10 s", [OLD, OLD, { ...NEW, readyForMs: 9_000 }], "waits for undefined"],
    ["an old one is away: it may get what mends it", [away(OLD), OLD, OLD], "main-nats-0"],
    ["an old one is away, and so is a new one", [away(OLD), OLD, OLD, OLD, away(NEW)], "waits for main-nats-4"],
    ["an old one is away, a new one, and the majority with them", [away(OLD), OLD, away(NEW)], "main-nats-0"],
    ["one is ending", [OLD, OLD, { ...OLD, ending: true }], "waits for undefined"],
    ["none is old and one is away", [NEW, away(NEW), NEW], "waits for main-nats-1"],
    ["none has ever been ready: all may change", [away(OLD), away(OLD), away(OLD)], "main-nats-2"],
  ])("where %s", (_, servers, expected) => {
    expect(step(servers)).toBe(expected);
  });

  it("waits while a pod is missing, and while the newest form was not seen by its controller", () => {
    expect(step([OLD, OLD], { replicas: 3 })).toBe("waits for undefined");
    expect(step([OLD, OLD, OLD], { generation: 5 })).toBe("waits for undefined");
  });

  it("stops a server that is ready only where all are there and ready, and never one with the newest form", () => {
    const server = fc.record({
      revision: fc.constantFrom<Server["revision"]>("old", "new"),
      readyForMs: fc.option(fc.nat(30_000), { nil: undefined }),
      ending: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(server, { minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 5 }), (servers, replicas) => {
        const name = step(servers, { replicas });
        if (!name.startsWith("main-nats-")) return;
        const chosen = servers[Number(name.at(-1))];
        expect(chosen?.revision).toBe("old");
        expect(servers.length).toBeGreaterThanOrEqual(replicas);
        if (chosen?.readyForMs !== undefined)
          expect(servers.every(({ readyForMs, ending }) => readyForMs !== undefined && !ending)).toBe(true);
      }),
    );
  });

  it("brings every server to the newest form, one away at a time, whichever are slow", () => {
    fc.assert(
      fc.property(fc.constantFrom(1, 3, 5), fc.array(fc.nat(4), { minLength: 60, maxLength: 60 }), (count, chances) => {
        const servers: Server[] = Array.from({ length: count }, () => OLD);
        const draw = chances.values();
        for (let turn = 0; turn < 200; turn++) {
          const name = step(servers);
          if (name === "settled") break;
          if (name.startsWith("main-nats-")) servers[Number(name.at(-1))] = { revision: "new", readyForMs: undefined };
          else
            servers.forEach((server, at) => {
              if (server.readyForMs !== undefined) servers[at] = { ...server, readyForMs: server.readyForMs + 5_000 };
              else if ((draw.next().value ?? 0) === 0) servers[at] = { ...server, readyForMs: 0 };
            });
          expect(servers.filter(({ readyForMs }) => readyForMs === undefined).length).toBeLessThanOrEqual(1);
        }
        expect(step(servers)).toBe("settled");
      }),
    );
  });
});

import { beforeAll, expect, describe as group, it } from "vitest";
import { MINUTE_MS, type UnixMs } from "../../pipeline/base/units.ts";
import type { Outcome } from "../apply/outcome.ts";
import { buildDesired } from "../desired/desired.ts";
import type { KubeObject } from "../kube/object.ts";
import { readSchema, type Schema } from "../manifests/schema.ts";
import type { Observed } from "../observe/observed.ts";
import { observedOf } from "../observe/testing/observed.ts";
import { describe } from "./describe.ts";

/* What the status says of NATS servers that restart; the conditions of whole stacks are looked at on a real API server. */

let schema: Schema;
beforeAll(async () => {
  schema = await readSchema("profilingstacks.yaml");
});

const SETTINGS = { version: "1.0.0" };
const SINCE_MS = Date.UTC(2026, 0, 2, 3, 4, 5) as UnixMs;
const APPLIED: Outcome = { kind: "applied", changed: [], replaced: [], removed: [], restarting: false };

/** A stack of three servers, of which the first is away. */
function stackWithServerAway(ready: number): Observed {
  const world = observedOf(schema, { size: "medium" }, { inFlight: undefined });
  const owned = buildDesired(world, SETTINGS).map((object): KubeObject => {
    const status = { observedGeneration: 1, updateRevision: "new", readyReplicas: ready, updatedReplicas: 3 };
    return object.kind === "StatefulSet" ? { ...object, metadata: { ...object.metadata, generation: 1 }, status } : object;
  });
  const pods = [0, 1, 2].map((index): KubeObject => {
    const conditions = [
      { type: "Ready", status: index < 3 - ready ? "False" : "True", lastTransitionTime: new Date(SINCE_MS).toISOString() },
    ];
    const metadata = { name: `main-nats-${index}`, labels: { "controller-revision-hash": "new" } };
    return { apiVersion: "v1", kind: "Pod", metadata, status: { conditions } };
  });
  return { ...world, owned, natsServers: { workload: owned.find(({ kind }) => kind === "StatefulSet"), pods } };
}

function conditionOf(observed: Observed, type: string, minutes: number, outcome: Outcome = APPLIED) {
  const { conditions } = describe(observed, outcome, SETTINGS, (SINCE_MS + minutes * MINUTE_MS) as UnixMs);
  return conditions?.find((condition) => condition.type === type);
}

group("the status while a NATS server is away", () => {
  it("names it, and how to look and mend", () => {
    const { status, message } = conditionOf(stackWithServerAway(2), "QueueReady", 1) ?? {};
    expect(status).toBe("True");
    expect(message).toContain("2 of 3 NATS servers are ready; NATS server main-nats-0 is not ready since 2026-01-02T03:04:05Z");
    expect(message).toContain("kubectl -n profiling logs main-nats-0");
    expect(message).toContain("delete the claim data-main-nats-0");
  });

  it("proposes to give up a volume only where the majority has everything", () => {
    const { status, message } = conditionOf(stackWithServerAway(1), "QueueReady", 1) ?? {};
    expect(status).toBe("False");
    expect(message).toContain("kubectl -n profiling logs main-nats-1");
    expect(message).not.toContain("claim");
  });

  it("is degraded after ten minutes, and no longer once the server is back", () => {
    const away = stackWithServerAway(2);
    expect(conditionOf(away, "Degraded", 9)?.status).toBe("False");
    const stuck = conditionOf(away, "Degraded", 10);
    expect(stuck).toMatchObject({ status: "True", reason: "NatsServerStuck", message: expect.stringContaining("main-nats-0") });
    const { conditions = [] } = describe(away, APPLIED, SETTINGS, (SINCE_MS + 10 * MINUTE_MS) as UnixMs);
    const back = { ...away, stack: { ...away.stack, status: { conditions } }, natsServers: undefined };
    expect(conditionOf(back, "Degraded", 11, { kind: "looked" })?.status).toBe("False");
  });
});

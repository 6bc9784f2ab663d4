import { describe, expect, it } from "vitest";
import type { Stack } from "../../../operator/observe/observed.ts";
import { showStack } from "./show-stack.ts";
import { stackState } from "./stack-state.ts";

/* A stack's state is a pure function of what the cluster tells, and so is its text. */

const AT_MS = Date.parse("2026-03-01T12:00:00Z");
const condition = (type: string, status: "True" | "False", reason: string, message: string) => ({
  type,
  status,
  reason,
  message,
  lastTransitionTime: "2026-03-01T11:57:00Z",
});

function stackWith(more: { readonly spec?: object; readonly status?: object; readonly generation?: number } = {}): Stack {
  return {
    metadata: { name: "main", namespace: "profiling", uid: "u", generation: more.generation ?? 1 },
    spec: { size: "small", paused: false, storage: { s3: { bucket: "profiles", region: "eu-1" } }, expose: {}, ...more.spec },
    status: {
      observedGeneration: 1,
      version: "1.2.0",
      conditions: [condition("Ready", "True", "AllReady", "everything runs")],
      ...more.status,
    },
  } as unknown as Stack;
}

const look = (stack: Stack, events: readonly object[] = []) => stackState({ stack, events: events as never, lag: undefined });

describe("the verdict on a stack", () => {
  it.each([
    ["ready", stackWith()],
    ["waiting", stackWith({ status: { conditions: [condition("Ready", "False", "PodsNotReady", "waiting for pods: query 0/1")] } })],
    [
      "degraded",
      stackWith({
        status: {
          conditions: [
            condition("Ready", "False", "SecretMissing", "no Secret s3: create it"),
            condition("Degraded", "True", "SecretMissing", "no Secret s3: create it"),
          ],
        },
      }),
    ],
    ["paused", stackWith({ spec: { paused: true } })],
    ["unseen", stackWith({ generation: 2 })],
    ["unseen", stackWith({ status: { conditions: [] } })],
  ] as const)("is %s", (verdict, stack) => {
    expect(look(stack).verdict).toBe(verdict);
  });

  it("brings the remedy of what is wrong", () => {
    const degraded = condition("Degraded", "True", "SecretMissing", "spec.storage: there is no Secret s3: create it");
    const stack = stackWith({ status: { conditions: [condition("Ready", "False", "SecretMissing", ""), degraded] } });
    expect(look(stack).explanation).toContain("create it");
  });
});

describe("the events of a stack", () => {
  const event = (kind: string, name: string, type: string, at: string) => ({
    metadata: { name: "e" },
    involvedObject: { kind, name },
    type,
    reason: "R",
    message: `of ${name}`,
    lastTimestamp: at,
  });
  const components = [{ name: "query", wanted: 1, ready: 1, updated: 1 }];

  it("are its own and warnings about what it owns, the newest last", () => {
    const { events } = look(stackWith({ status: { components } }), [
      event("Pod", "main-query-7f-x", "Warning", "2026-03-01T11:00:02Z"),
      event("ProfilingStack", "main", "Normal", "2026-03-01T11:00:01Z"),
      event("Pod", "main-query-7f-x", "Normal", "2026-03-01T11:00:03Z"),
      event("Pod", "other-query-7f-x", "Warning", "2026-03-01T11:00:04Z"),
      event("ProfilingStack", "other", "Normal", "2026-03-01T11:00:05Z"),
    ]);
    expect(events.map(({ object }) => object)).toEqual(["ProfilingStack/main", "Pod/main-query-7f-x"]);
  });
});

describe("the text of a stack", () => {
  it("shows what changes next, in order", () => {
    const upgrade = { from: "1.2.0", to: "1.3.0", component: "compact", waiting: ["segment", "ingest"] };
    const text = showStack(look(stackWith({ status: { upgrade } })), AT_MS);
    expect(text).toContain("upgrade from 1.2.0 to 1.3.0: compact now, then segment, ingest");
  });

  it("shows conditions with their age and without those for tools", () => {
    const conditions = [condition("Ready", "True", "AllReady", "everything runs"), condition("Stalled", "False", "AsExpected", "")];
    const text = showStack(look(stackWith({ status: { conditions } })), AT_MS);
    expect(text).toMatch(/^ {2}Ready +True +3m +AllReady +everything runs$/m);
    expect(text).not.toContain("Stalled");
  });

  it("never shows who an external queue is asked as", () => {
    const queue = { external: { servers: ["nats://eva:hush@nats.queues:4222"], stream: "P" } };
    expect(showStack(look(stackWith({ spec: { queue } })), AT_MS)).not.toContain("hush");
  });

  it("says what waits, or why that is not known", () => {
    const text = (lag: Parameters<typeof stackState>[0]["lag"]): string =>
      showStack(stackState({ stack: stackWith(), events: [], lag }), AT_MS);
    expect(text({ messages: 3, oldestMs: 1500 })).toContain("3 messages wait, the oldest for 1.5 s");
    expect(text({ unknown: "no segment worker is ready" })).toContain("not known: no segment worker is ready");
  });
});

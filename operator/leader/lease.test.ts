import { describe, expect, it } from "vitest";
import type { Clock } from "../../pipeline/base/clock.ts";
import { CodedError, FaultKind } from "../../pipeline/base/errors.ts";
import type { Log } from "../../pipeline/base/log.ts";
import type { UnixMs } from "../../pipeline/base/units.ts";
import { type KubeObject, textAt } from "../kube/object.ts";
import { claimOf, LEASE_TIMES, leadWhile } from "./lease.ts";

/* One of several leads, and never two. Time is virtual; the API server is a lease with a version, which may be away or silent. */

class VirtualClock implements Clock {
  #nowMs = 0;
  readonly #sleepers = new Set<{ readonly atMs: number; readonly wake: () => void }>();

  nowMs(): UnixMs {
    return (1_700_000_000_000 + this.#nowMs) as UnixMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const sleeper = {
        atMs: this.#nowMs + durationMs,
        wake: () => {
          this.#sleepers.delete(sleeper);
          resolve();
        },
      };
      if (signal?.aborted === true) return resolve();
      signal?.addEventListener("abort", sleeper.wake, { once: true });
      this.#sleepers.add(sleeper);
    });
  }

  /** Lets everything happen that happens until then. */
  async pass(durationMs: number): Promise<void> {
    const untilMs = this.#nowMs + durationMs;
    for (;;) {
      await settle();
      const next = [...this.#sleepers].filter(({ atMs }) => atMs <= untilMs).sort((left, right) => left.atMs - right.atMs)[0];
      if (next === undefined) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.wake();
    }
    this.#nowMs = untilMs;
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

class Server {
  lease: KubeObject | undefined;
  calls: string[] = [];
  mode: "there" | "away" | "silent" = "there";
  #version = 0;

  readonly cluster = {
    get: (): Promise<KubeObject | undefined> => this.#answer("get", () => this.lease),
    create: (object: KubeObject): Promise<KubeObject> =>
      this.#answer("create", () => {
        if (this.lease !== undefined) throw conflict();
        return this.put(object);
      }),
    replace: (object: KubeObject): Promise<KubeObject> =>
      this.#answer("replace", () => {
        if (this.lease === undefined) throw new CodedError("cluster_not_found", FaultKind.NotFound, "gone");
        if (this.lease.metadata.resourceVersion !== object.metadata.resourceVersion) throw conflict();
        return this.put(object);
      }),
  };

  put(object: KubeObject): KubeObject {
    this.lease = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#version) } };
    return this.lease;
  }

  get holder(): string {
    return textAt(this.lease, "spec", "holderIdentity") ?? "";
  }

  async #answer<T>(call: string, act: () => T): Promise<T> {
    this.calls.push(call);
    if (this.mode === "silent") return new Promise(() => {});
    if (this.mode === "away") throw new CodedError("cluster_unreachable", FaultKind.Unavailable, "away");
    return act();
  }
}

function conflict(): CodedError {
  return new CodedError("cluster_conflict", FaultKind.Conflict, "another version");
}

class Candidate {
  state: "waiting" | "leading" | "ended" = "waiting";
  readonly #ending = new AbortController();

  constructor(identity: string, server: Server, clock: Clock) {
    const log = { info: () => {}, warn: () => {} } as unknown as Log;
    const lead = async (lost: AbortSignal): Promise<void> => {
      this.state = "leading";
      await new Promise<void>((resolve) => lost.addEventListener("abort", () => resolve(), { once: true }));
      this.state = "ended";
    };
    const options = { namespace: "n", name: "brazier-operator", identity };
    void leadWhile(options, { cluster: server.cluster, clock, log }, lead, this.#ending.signal).then(() => {
      this.state = "ended";
    });
  }

  stop(): void {
    this.#ending.abort();
  }
}

async function twoCandidates(): Promise<{ server: Server; clock: VirtualClock; first: Candidate; second: Candidate }> {
  const [server, clock] = [new Server(), new VirtualClock()];
  const first = new Candidate("first", server, clock);
  await clock.pass(100);
  const second = new Candidate("second", server, clock);
  await clock.pass(100);
  return { server, clock, first, second };
}

describe("the lease", () => {
  it("is renewed by one write every five seconds, and looked at by others as often", async () => {
    const { server, clock, first, second } = await twoCandidates();
    server.calls = [];
    await clock.pass(60 * 60_000);
    expect([first.state, second.state]).toEqual(["leading", "waiting"]);
    const count = (call: string): number => server.calls.filter((one) => one === call).length;
    expect({ replace: count("replace"), get: count("get"), all: server.calls.length }).toEqual({ replace: 720, get: 720, all: 1440 });
  });

  it("goes on within seconds when the leader stops in order", async () => {
    const { server, clock, first, second } = await twoCandidates();
    first.stop();
    await clock.pass(LEASE_TIMES.renewMs);
    expect([first.state, second.state, server.holder]).toEqual(["ended", "leading", "second"]);
  });

  it.each(["away", "silent"] as const)("is given up before others may take it when the server is %s", async (mode) => {
    const { server, clock, first } = await twoCandidates();
    server.mode = mode;
    await clock.pass(LEASE_TIMES.giveUpMs);
    expect(first.state).toBe("ended");
    expect(LEASE_TIMES.giveUpMs).toBeLessThan(LEASE_TIMES.durationMs);
  });

  it("survives a server that is away for less than that", async () => {
    const { server, clock, first, second } = await twoCandidates();
    server.mode = "away";
    await clock.pass(LEASE_TIMES.renewMs + LEASE_TIMES.retryMs);
    server.mode = "there";
    await clock.pass(60_000);
    expect([first.state, second.state]).toEqual(["leading", "waiting"]);
  });

  it("is taken over from a leader that has died, once it has run out", async () => {
    const [server, clock] = [new Server(), new VirtualClock()];
    const spec = { holderIdentity: "dead", leaseDurationSeconds: 15, leaseTransitions: 4 };
    server.put({ apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name: "brazier-operator", namespace: "n" }, spec });
    const next = new Candidate("next", server, clock);
    await clock.pass(LEASE_TIMES.durationMs - 1);
    expect(next.state).toBe("waiting");
    await clock.pass(LEASE_TIMES.renewMs + 1);
    expect([next.state, server.holder]).toEqual(["leading", "next"]);
    expect(server.lease?.["spec"]).toMatchObject({ leaseTransitions: 5 });
  });

  it("stays with its leader when somebody else writes its labels, or removes it", async () => {
    const { server, clock, first, second } = await twoCandidates();
    server.put({ ...(server.lease as KubeObject), metadata: { ...(server.lease as KubeObject).metadata, labels: { a: "b" } } });
    await clock.pass(LEASE_TIMES.giveUpMs);
    expect([first.state, second.state, server.holder]).toEqual(["leading", "waiting", "first"]);
    expect(server.lease?.metadata.labels).toEqual({ a: "b" });
    server.lease = undefined;
    await clock.pass(LEASE_TIMES.giveUpMs);
    expect([first.state, server.holder]).toEqual(["leading", "first"]);
  });

  it("ends the lead of who finds it taken", async () => {
    const { server, clock, first } = await twoCandidates();
    const lease = server.lease as KubeObject;
    server.put({ ...lease, spec: { ...(lease["spec"] as object), holderIdentity: "usurper" } });
    await clock.pass(LEASE_TIMES.renewMs + LEASE_TIMES.retryMs);
    expect([first.state, server.holder]).toEqual(["ended", "usurper"]);
  });

  it("is held by one of two who begin at once", async () => {
    const [server, clock] = [new Server(), new VirtualClock()];
    const both = [new Candidate("a", server, clock), new Candidate("b", server, clock)];
    await clock.pass(60_000);
    expect(both.map(({ state }) => state).sort()).toEqual(["leading", "waiting"]);
  });
});

describe("claimOf", () => {
  const lease = (holderIdentity: string): KubeObject => ({
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "l" },
    spec: { holderIdentity, leaseDurationSeconds: 15, leaseTransitions: 2 },
  });
  const claim = (of: KubeObject | undefined, seenForMs: number) => claimOf(of, "me", { version: "1", sinceMs: 0 }, seenForMs, LEASE_TIMES);

  it.each([
    ["one that is not there", undefined, 0, { kind: "take", transitions: 0 }],
    ["our own", lease("me"), 0, { kind: "renew", transitions: 2 }],
    ["one that was given up", lease(""), 0, { kind: "take", transitions: 3 }],
    ["somebody's, seen for 14.9 s", lease("other"), 14_900, { kind: "wait" }],
    ["somebody's, seen for 15 s", lease("other"), 15_000, { kind: "take", transitions: 3 }],
  ] as const)("of %s", (_, of, seenForMs, answer) => {
    expect(claim(of, seenForMs)).toEqual(answer);
  });
});

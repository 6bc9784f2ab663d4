import { describe, expect, it } from "vitest";
import { systemClock } from "./base/clock.ts";
import { CodedError, FaultKind } from "./base/errors.ts";
import { systemRandom } from "./base/random.ts";
import { Readiness } from "./http/readiness.ts";
import { FaultyStore, NO_FAULTS } from "./objects/faulty.ts";
import { MemoryStore } from "./objects/memory.ts";
import { readyChecks } from "./ready-checks.ts";
import { ALL_ROLES, type RoleName } from "./roles.ts";

/* Goal: each role tells the truth about what it needs, and about nothing else. Method: break one neighbour at a time. */

function world(exclusive = false) {
  const fault = (name: string) => new CodedError(`${name}_away`, FaultKind.Unavailable, `the ${name} is away: start it`);
  const broken = new Set<string>();
  const answer = (name: string) => async () => {
    if (broken.has(name)) throw fault(name);
  };
  const faulty = new FaultyStore(new MemoryStore(), { random: systemRandom, clock: systemClock, rates: NO_FAULTS });
  // A bucket whose disk is full is read as before.
  const store = new Proxy(faulty, {
    get: (target, name) =>
      name === "create" && broken.has("space")
        ? () => Promise.reject(fault("space"))
        : (target[name as "create"] as unknown as () => void).bind(target),
  });
  const parts = {
    store,
    clock: systemClock,
    random: systemRandom,
    exclusive,
    checkQueue: answer("queue"),
    catalog: { refresh: async () => (await answer("catalog")()) as never },
  };
  const lookAt = async (roles: readonly RoleName[]) => {
    const flying = { ...systemClock, monotonicMs: () => performance.now() * 1e6 };
    const states = await new Readiness(readyChecks(parts, roles), flying).look();
    return states.filter((state) => state.fault !== undefined).map((state) => `${state.name}: ${state.fault}`);
  };
  return { broken, lookAt, breakBucket: () => (faulty.rates = { ...NO_FAULTS, before: 1 }) };
}

describe("readiness by role", () => {
  it("is there when nothing is broken", async () => {
    for (const roles of [...ALL_ROLES.map((role) => [role]), ALL_ROLES]) expect(await world().lookAt(roles)).toEqual([]);
  });

  it.each<[string, readonly RoleName[]]>([
    ["queue", ["ingest", "segment"]],
    ["catalog", ["segment", "compact", "query"]],
  ])("a broken %s is named by those who need it", async (name, needing) => {
    const { broken, lookAt } = world();
    broken.add(name);
    for (const role of ALL_ROLES) {
      const expected = needing.includes(role) ? [`${name}: [${name}_away] the ${name} is away: start it`] : [];
      expect([role, await lookAt([role])]).toEqual([role, expected]);
    }
  });

  it("a full bucket concerns who writes, a silent one who reads, too", async () => {
    const { broken, lookAt, breakBucket } = world();
    broken.add("space");
    expect(await lookAt(["query"])).toEqual([]);
    for (const roles of [["segment"], ["compact"], ["segment", "query"]] as const) expect(await lookAt(roles)).toHaveLength(1);
    broken.clear();
    breakBucket();
    for (const role of ["segment", "compact", "query"] as const)
      expect(await lookAt([role])).toEqual([expect.stringMatching(/^bucket: \[object_store_/)]);
    expect(await lookAt(["ingest"])).toEqual([]);
  });

  it("the catalog of a bucket of one's own cannot be stale", async () => {
    const { broken, lookAt } = world(true);
    broken.add("catalog");
    expect(await lookAt(["query"])).toEqual([]);
  });
});

describe("a neighbour that does not answer", () => {
  it("is a fault after some seconds, and is not asked a second time meanwhile", async () => {
    let asked = 0;
    const never = {
      name: "queue",
      look: () => {
        asked++;
        return new Promise<void>(() => {});
      },
    };
    // Every wait is over at once.
    const clock = { ...systemClock, sleep: async () => {} };
    const readiness = new Readiness([never], clock);
    const [first, second] = await Promise.all([readiness.look(), readiness.look()]);
    expect(first).toEqual([{ name: "queue", fault: expect.stringContaining("[check_silent]") }]);
    expect([second, asked]).toEqual([first, 1]);
  });
});

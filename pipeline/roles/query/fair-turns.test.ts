import { describe, expect, it } from "vitest";
import type { TenantId } from "../../base/units.ts";
import { FairTurns, type FairTurnsOptions, type Lane, type LaneSlots } from "./fair-turns.ts";

const NOBODY_LEAVES = new AbortController().signal;

/** Asks for a turn, and notes in `begun` when it comes. */
function asker(turns: FairTurns, begun: string[]) {
  const ends = new Map<string, () => void>();
  return {
    ask: async (name: string, tenants = name.slice(0, 1), signal = NOBODY_LEAVES, lane: Lane = "values"): Promise<void> => {
      ends.set(name, await turns.take(lane, { tenants: tenants.split("|") as TenantId[], signal }));
      begun.push(name);
    },
    end: async (name: string): Promise<void> => {
      ends.get(name)!();
      await new Promise(setImmediate);
    },
  };
}

function turnsOf({ slots = 3, tenantSlots = 2, ...options }: Partial<FairTurnsOptions & LaneSlots> = {}): FairTurns {
  const values = { slots, tenantSlots };
  return new FairTurns({ lanes: { values, labels: { slots: 1, tenantSlots: 1 } }, waitingMax: 4, openMaxOf: () => 0, ...options });
}

describe("FairTurns", () => {
  it("keeps a slot for other tenants, and then lets tenants take turns", async () => {
    const begun: string[] = [];
    const { ask, end } = asker(turnsOf(), begun);
    await ask("a1");
    await ask("a2");
    const rest = [ask("a3"), ask("a4"), ask("b1"), ask("b2")];
    await new Promise(setImmediate);
    expect(begun).toEqual(["a1", "a2", "b1"]);
    await end("a1");
    expect(begun.at(-1)).toBe("a3");
    await end("a2");
    expect(begun.at(-1)).toBe("b2");
    await end("b1");
    expect(begun.at(-1)).toBe("a4");
    await Promise.all(rest);
  });

  it("counts a question over several tenants for each of them", async () => {
    const begun: string[] = [];
    const { ask, end } = asker(turnsOf({ slots: 9, tenantSlots: 1 }), begun);
    await ask("ab", "a|b");
    const rest = [ask("b1"), ask("c1")];
    await new Promise(setImmediate);
    expect(begun).toEqual(["ab", "c1"]);
    await end("ab");
    expect(begun).toEqual(["ab", "c1", "b1"]);
    await Promise.all(rest);
  });

  it("lets nobody wait for the other lane", async () => {
    const begun: string[] = [];
    const turns = turnsOf({ openMaxOf: () => 5 });
    const { ask, end } = asker(turns, begun);
    const labels = (name: string): Promise<void> => ask(name, "a", NOBODY_LEAVES, "labels");
    await ask("a1");
    await ask("a2");
    const rest = [ask("a3"), labels("a4"), labels("a5")];
    await new Promise(setImmediate);
    expect(begun).toEqual(["a1", "a2", "a4"]);
    expect(turns).toMatchObject({ running: 3, waiting: 2 });
    // A tenant's questions count together, whatever their lane.
    await expect(labels("a6")).rejects.toMatchObject({ facts: { open: 5 } });
    await end("a1");
    expect(begun.at(-1)).toBe("a3");
    await end("a4");
    expect(begun.at(-1)).toBe("a5");
    await Promise.all(rest);
  });

  it("refuses a tenant more questions than it may have, and nobody else", async () => {
    const begun: string[] = [];
    const turns = turnsOf({ openMaxOf: (tenant) => (tenant === "a" ? 3 : 0) });
    const { ask, end } = asker(turns, begun);
    await ask("a1");
    await ask("a2");
    const waiting = ask("a3");
    await expect(ask("a4")).rejects.toMatchObject({ code: "query_limit_concurrency", kind: "limited", facts: { tenant: "a", open: 3 } });
    await ask("b1");
    await end("a1");
    await waiting;
    await end("a2");
    await ask("a5");
    expect(turns).toMatchObject({ running: 3, waiting: 0 });
  });

  it("lets the longest line give way when nobody else could wait", async () => {
    const begun: string[] = [];
    const turns = turnsOf({ slots: 1, waitingMax: 3 });
    const { ask } = asker(turns, begun);
    await ask("a1");
    const waiting = [ask("a2"), ask("a3"), ask("a4")];
    const last = expect(waiting[2]).rejects.toMatchObject({ code: "query_limit_concurrency" });
    const b1 = ask("b1");
    await last;
    await expect(ask("a5")).rejects.toMatchObject({ code: "query_limit_concurrency" });
    expect(turns.waiting).toBe(3);
    b1.catch(() => {});
  });

  it("forgets who leaves the line", async () => {
    const begun: string[] = [];
    const turns = turnsOf({ slots: 1 });
    const { ask, end } = asker(turns, begun);
    await ask("a1");
    const gone = new AbortController();
    const left = ask("a2", "a", gone.signal);
    const stays = ask("a3");
    gone.abort();
    await expect(left).rejects.toMatchObject({ code: "query_cancelled" });
    expect(turns.waiting).toBe(1);
    await end("a1");
    await stays;
    expect(begun).toEqual(["a1", "a3"]);
    await expect(ask("a4", "a", gone.signal)).rejects.toMatchObject({ code: "query_cancelled" });
  });
});

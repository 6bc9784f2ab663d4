import { describe, expect, it } from "vitest";
import type { Clock } from "../../base/clock.ts";
import { silentLog } from "../../base/log.ts";
import { seededRandom } from "../../base/random.ts";
import type { UnixMs } from "../../base/units.ts";
import { MemoryStore } from "../../objects/memory.ts";
import { COMPACT_LEASES_PREFIX } from "../../objects/paths.ts";
import { Register } from "../../objects/register.ts";
import { Leases } from "./leases.ts";

const never = new AbortController().signal;

/** Sleepers wake when the time is set on. */
class TestClock implements Clock {
  atMs = 1_700_000_000_000;
  readonly #sleepers = new Set<{ readonly untilMs: number; readonly wake: () => void }>();
  nowMs = (): UnixMs => this.atMs as UnixMs;
  monotonicMs = (): number => this.atMs;
  sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const sleeper = { untilMs: this.atMs + ms, wake: resolve };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", () => resolve());
      if (signal?.aborted === true) resolve();
    });
  async pass(ms: number): Promise<void> {
    this.atMs += ms;
    for (const sleeper of [...this.#sleepers]) {
      if (sleeper.untilMs > this.atMs) continue;
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
    for (let i = 0; i < 200; i++) await Promise.resolve();
  }
}

/** Picks the first two objects that nobody holds. */
const firstTwoOf =
  (objects: readonly string[]) =>
  async (leased: ReadonlySet<string>): Promise<{ readonly inputKeys: readonly string[] } | undefined> => {
    const free = objects.filter((key) => !leased.has(key)).slice(0, 2);
    return free.length === 0 ? undefined : { inputKeys: free };
  };

function setUp() {
  const [store, clock] = [new MemoryStore(), new TestClock()];
  let seed = 1;
  const worker = (): Leases => new Leases({ store, clock, random: seededRandom(seed++), log: silentLog, expireAfterMs: 30_000 });
  return { store, clock, worker };
}

describe("leases", () => {
  it("give what others have not claimed, and nothing when all is", async () => {
    const { worker } = setUp();
    const choose = firstTwoOf(["a", "b", "c"]);
    const first = await worker().claim(choose, never);
    const second = await worker().claim(choose, never);
    expect([first?.chosen.inputKeys, second?.chosen.inputKeys]).toEqual([["a", "b"], ["c"]]);
    expect(await worker().claim(choose, never)).toBeUndefined();
    await first!.lease.release();
    expect((await worker().claim(choose, never))?.chosen.inputKeys).toEqual(["a", "b"]);
  });

  it("give an object to one of many that claim at the same moment", async () => {
    const { store, clock } = setUp();
    // Pauses between attempts pass at once, time does not.
    const hurried: Clock = { ...clock, sleep: (ms, signal) => (ms <= 1_000 ? Promise.resolve() : clock.sleep(ms, signal)) };
    const objects = Array.from({ length: 12 }, (_, i) => `object-${i}`);
    const workers = Array.from({ length: 6 }, (_, i) => new Leases({ store, clock: hurried, random: seededRandom(i), log: silentLog }));
    const claims = await Promise.all(
      workers.map(async (leases) => {
        for (;;) {
          const claim = await leases.claim(firstTwoOf(objects), never);
          if (claim !== undefined) return claim.chosen.inputKeys;
        }
      }),
    );
    expect(claims.flat().sort()).toEqual(objects.sort());
  });

  it("of a holder that lives are its own, however long it takes", async () => {
    const { clock, worker } = setUp();
    const [holder, other] = [worker(), worker()];
    const choose = firstTwoOf(["a", "b"]);
    const claim = await holder.claim(choose, never);
    for (let i = 0; i < 20; i++) {
      await clock.pass(7_500);
      expect(await other.claim(choose, never)).toBeUndefined();
    }
    expect(claim!.lease.lost.aborted).toBe(false);
    await claim!.lease.release();
    expect((await other.claim(choose, never))?.chosen.inputKeys).toEqual(["a", "b"]);
  });

  it("of a holder that has stopped go to others after their time, and it is told when it wakes", async () => {
    const { store, clock, worker } = setUp();
    const stopped = new TestClock();
    const holder = new Leases({ store, clock: stopped, random: seededRandom(9), log: silentLog, expireAfterMs: 30_000 });
    const choose = firstTwoOf(["a", "b"]);
    const claim = await holder.claim(choose, never);
    const other = worker();
    expect(await other.claim(choose, never)).toBeUndefined();
    await clock.pass(29_999);
    expect(await other.claim(choose, never)).toBeUndefined();
    await clock.pass(1);
    const taken = await other.claim(choose, never);
    expect(taken?.chosen.inputKeys).toEqual(["a", "b"]);
    await stopped.pass(60_000);
    expect(claim!.lease.lost.aborted).toBe(true);
    await claim!.lease.release();
    expect(await worker().claim(choose, never)).toBeUndefined();
  });

  it("that cannot be read hold nobody back", async () => {
    const { store, worker } = setUp();
    const register = new Register(store, COMPACT_LEASES_PREFIX);
    for (const damage of ["{", "7", "null", '{"leases":[{"id":1}]}']) {
      expect(await register.swap(await register.read(), new TextEncoder().encode(damage))).toBe(true);
      const claim = await worker().claim(firstTwoOf(["a"]), never);
      expect(claim?.chosen.inputKeys).toEqual(["a"]);
      await claim!.lease.release();
    }
  });
});

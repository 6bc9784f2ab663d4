import { describe, expect, it } from "vitest";
import type { Clock } from "../../pipeline/base/clock.ts";
import { CodedError, FaultKind } from "../../pipeline/base/errors.ts";
import type { Log } from "../../pipeline/base/log.ts";
import type { UnixMs } from "../../pipeline/base/units.ts";
import type { Resource } from "../kube/kinds.ts";
import { type KindChange, KnownKinds, LOOK_EVERY_MS } from "./known-kinds.ts";

/* Kinds come and go while the operator runs. The clock is the test's: a sleep ends when the test says so. */

const resource = (apiVersion: string, plural: string): Resource => ({ apiVersion, kind: plural, plural, namespaced: true, optional: true });
const MONITORS = resource("monitoring/v1", "monitors");
const RULES = resource("monitoring/v1", "rules");
const ROUTES = resource("gateway/v1", "routes");

class World {
  readonly served = new Map<string, readonly string[]>();
  readonly asked: string[] = [];
  readonly changes: KindChange[] = [];
  isAway = false;
  readonly #sleepers: { readonly durationMs: number; readonly wake: () => void }[] = [];
  #asleep = Promise.withResolvers<void>();
  readonly clock: Clock = {
    nowMs: () => 0 as UnixMs,
    monotonicMs: () => 0,
    sleep: (durationMs, signal) =>
      new Promise((resolve) => {
        this.#sleepers.push({ durationMs, wake: resolve });
        if (signal?.aborted === true) resolve();
        signal?.addEventListener("abort", () => resolve(), { once: true });
        this.#asleep.resolve();
      }),
  };
  readonly kinds = new KnownKinds([MONITORS, RULES, ROUTES], {
    cluster: {
      served: async (version) => {
        this.asked.push(version);
        if (this.isAway) throw new CodedError("cluster_unreachable", FaultKind.Unavailable, "away");
        return this.served.get(version);
      },
    },
    clock: this.clock,
    random: { next: () => 0.5 } as never,
    log: { warn: () => {}, info: () => {} } as unknown as Log,
    onChange: async (change) => void this.changes.push(change),
  });

  /** What it sleeps for, once it does. */
  async asleep(): Promise<number> {
    await this.#asleep.promise;
    return this.#sleepers.at(-1)?.durationMs ?? 0;
  }

  /** Lets the sleep end, and waits for the next one. */
  async next(act: () => void = () => this.#sleepers.at(-1)?.wake()): Promise<number> {
    await this.asleep();
    this.#asleep = Promise.withResolvers();
    act();
    return this.asleep();
  }
}

describe("the kinds of a cluster", () => {
  it("are asked for once per version, and told before the start is over", async () => {
    const world = new World();
    world.served.set("monitoring/v1", ["monitors", "others"]);
    await world.kinds.start();
    expect(world.changes).toEqual([{ came: [MONITORS], went: [] }]);
    expect(world.asked.toSorted()).toEqual(["gateway/v1", "monitoring/v1"]);
    expect(await world.asleep()).toBe(LOOK_EVERY_MS);
    await world.kinds.stop();
  });

  it("are told when they come and when they go, and not in between", async () => {
    const world = new World();
    world.served.set("monitoring/v1", ["monitors"]);
    await world.kinds.start();
    await world.next();
    expect(world.changes).toHaveLength(1);
    world.served.set("gateway/v1", ["routes"]);
    world.served.set("monitoring/v1", ["rules"]);
    await world.next();
    expect(world.changes.at(-1)).toEqual({ came: [RULES, ROUTES], went: [MONITORS] });
    world.served.clear();
    await world.next();
    expect(world.changes.at(-1)).toEqual({ came: [], went: [RULES, ROUTES] });
    await world.kinds.stop();
  });

  it("stay what they were while nobody answers, and are asked for again soon", async () => {
    const world = new World();
    world.served.set("gateway/v1", ["routes"]);
    await world.kinds.start();
    world.isAway = true;
    expect(await world.next()).toBeLessThan(LOOK_EVERY_MS);
    world.isAway = false;
    expect(await world.next()).toBe(LOOK_EVERY_MS);
    expect(world.changes).toEqual([{ came: [ROUTES], went: [] }]);
    await world.kinds.stop();
  });

  it("are looked at soon when somebody misses one", async () => {
    const world = new World();
    world.served.set("gateway/v1", ["routes"]);
    await world.kinds.start();
    world.served.clear();
    // Out of the long sleep into a short one, and then it looks.
    expect(await world.next(() => world.kinds.hurry())).toBeLessThan(LOOK_EVERY_MS / 10);
    await world.next();
    expect(world.changes.at(-1)).toEqual({ came: [], went: [ROUTES] });
    await world.kinds.stop();
  });
});

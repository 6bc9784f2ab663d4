import assert from "node:assert/strict";
import { FaultKind, isCoded } from "../../pipeline/base/errors.ts";
import type { Running } from "../../pipeline/base/lifecycle.ts";
import { silentLog } from "../../pipeline/base/log.ts";
import { createRegistry } from "../../pipeline/base/metrics.ts";
import { type Random, seededRandom } from "../../pipeline/base/random.ts";
import { type DurationMs, KIB, MINUTE_MS, SECOND_MS } from "../../pipeline/base/units.ts";
import { type BucketCatalog, openCatalog } from "../../pipeline/catalog/bucket-catalog.ts";
import type { CatalogState } from "../../pipeline/catalog/catalog.ts";
import { objectError } from "../../pipeline/objects/errors.ts";
import type { FaultRates } from "../../pipeline/objects/faulty.ts";
import { MemoryStore } from "../../pipeline/objects/memory.ts";
import { encodeQueuedProfile } from "../../pipeline/profile/queued-profile-codec.ts";
import { testQueuedProfile } from "../../pipeline/profile/testing/test-queued-profile.ts";
import { MemoryQueue } from "../../pipeline/queue/memory.ts";
import { startCompactRole } from "../../pipeline/roles/compact/compact.ts";
import { mergeDatasets } from "../../pipeline/roles/compact/merge.ts";
import { Pins } from "../../pipeline/roles/compact/pins.ts";
import { buildSegmentFromMessages } from "../../pipeline/roles/segment/build.ts";
import { startSegmentRole } from "../../pipeline/roles/segment/segment.ts";
import { askForRows } from "./ask.ts";
import { SERVICES, START_MS, TENANTS } from "./scenario.ts";
import { SimClock } from "./sim-clock.ts";
import { SimNode } from "./sim-node.ts";

const LOAD_MS = 10 * MINUTE_MS;
/** Beyond every grace of a process that owns its bucket, window ends included. */
const SETTLE_MS = 3 * 60 * MINUTE_MS;
const CALM: FaultRates = { before: 0, after: 0, delay: 1, delayMsMax: 5 };
const STORM: FaultRates = { before: 0.04, after: 0.04, delay: 0.5, delayMsMax: 500 };

type Profile = { readonly tenant: string; readonly bytes: Uint8Array; readonly value: number };

/** One life of the process. */
type Life = {
  readonly node: SimNode;
  readonly catalog: BucketCatalog;
  readonly queue: MemoryQueue;
  readonly pins: Pins;
  readonly roles: readonly Running[];
};

export type SingleReport = {
  readonly seed: number;
  readonly pushed: number;
  readonly kills: number;
  readonly restarts: number;
  readonly questions: number;
};

/**
 * The embedded default: one process that owns its bucket, with the queue in memory. It is killed, stopped and started again, its disk fails and
 * fills up, and its clients send again until they are answered. What they were told is stored must be found at once and for ever.
 */
export class SingleProcess {
  readonly #seed: number;
  readonly #random: Random;
  readonly #clock = new SimClock(START_MS);
  readonly #bucket = new FillableStore();
  readonly #profiles = new Map<string, Profile>();
  readonly #acknowledged = new Set<string>();
  #life: Life | undefined;
  #kills = 0;
  #restarts = 0;
  #questions = 0;
  #failure: unknown;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = seededRandom(seed);
  }

  async run(): Promise<SingleReport> {
    await this.#start();
    while (this.#clock.nowMs() < START_MS + LOAD_MS) {
      await this.#clock.runUntil(this.#clock.nowMs() + this.#upTo(2 * SECOND_MS));
      await this.#somethingHappens();
      if (this.#failure !== undefined) throw this.#failure;
    }
    await this.#settle();
    return { seed: this.#seed, pushed: this.#profiles.size, kills: this.#kills, restarts: this.#restarts, questions: this.#questions };
  }

  async #somethingHappens(): Promise<void> {
    const roll = this.#random.next();
    if (roll < 0.6) for (let i = 1 + this.#upTo(4); i > 0; i--) this.#push();
    else if (roll < 0.66) this.#life!.node.rates = this.#random.next() < 0.5 ? STORM : CALM;
    else if (roll < 0.7) this.#bucket.isFull = !this.#bucket.isFull;
    else if (roll < 0.73) await this.#kill();
    else if (roll < 0.75) await this.#restart();
    else this.#background(this.#ask());
  }

  /** A client: sends until it is answered that the profile is stored. */
  #push(): void {
    const [tenant, service] = [this.#pick(TENANTS), this.#pick(SERVICES)];
    const number = this.#profiles.size + 1;
    const value = 1 + this.#upTo(1000);
    const timeNs = BigInt(this.#clock.nowMs()) * 1_000_000n + BigInt(number);
    const profile = testQueuedProfile({ tenant, service, timeNs, idSeed: number, stacks: [`main;f${this.#upTo(5)} ${value}`] });
    const id = Buffer.from(profile.id).toString("hex");
    const bytes = encodeQueuedProfile(profile);
    this.#profiles.set(id, { tenant, bytes, value });
    this.#background(this.#sendUntilStored(id, number, bytes));
  }

  async #sendUntilStored(id: string, number: number, bytes: Uint8Array): Promise<void> {
    for (;;) {
      const life = this.#life;
      if (life !== undefined) {
        try {
          // A dead process never answers: the client's time is up after a while.
          const stored = life.queue.publish(number % 3, { id, bytes }).then(() => !life.node.isDead);
          const timeUp = this.#clock.sleep((30 * SECOND_MS) as DurationMs).then(() => false);
          if (await Promise.race([stored, timeUp])) break;
        } catch (error) {
          assert.ok(
            isCoded(error) && (error.kind === FaultKind.Unavailable || error.kind === FaultKind.Limited),
            `refused for now: ${String(error)}`,
          );
        }
      }
      await this.#clock.sleep(SECOND_MS as DurationMs);
    }
    this.#acknowledged.add(id);
  }

  /** A query: plans from the newest state, and reads some time later what it has pinned. */
  async #ask(): Promise<void> {
    const life = this.#life;
    if (life === undefined) return;
    const tenant = this.#pick(TENANTS);
    const mustBeFound = [...this.#acknowledged].filter((id) => this.#profiles.get(id)!.tenant === tenant);
    const { state } = life.catalog;
    const release = life.pins.pin(state.version);
    await this.#clock.sleep(this.#upTo(2 * MINUTE_MS) as DurationMs);
    if (!life.node.isDead && this.#life === life) await this.#check(state, tenant, mustBeFound);
    release();
  }

  async #check(state: CatalogState, tenant: string, mustBeFound: Iterable<string>): Promise<void> {
    this.#questions++;
    const rows = await askForRows({ state, store: this.#bucket, clock: this.#clock, tenant });
    for (const [id, value] of rows) {
      assert.equal(this.#profiles.get(id)?.tenant, tenant, `profile ${id} is one of tenant ${tenant}`);
      assert.equal(value, this.#profiles.get(id)!.value, `profile ${id} has its value`);
    }
    for (const id of mustBeFound) assert.ok(rows.has(id), `acknowledged profile ${id} is found`);
  }

  async #start(): Promise<void> {
    const { clock } = { clock: this.#clock };
    const node = new SimNode("all", this.#bucket, { clock, random: this.#childRandom(), skewMs: 0 });
    node.rates = CALM;
    const random = this.#childRandom();
    const catalog = await openSoon(() => openCatalog({ store: node.store, clock, random, exclusive: true, checkpointEvery: 10 }), clock);
    const queue = new MemoryQueue({ clock });
    const pins = new Pins();
    const parts = { store: node.store, catalog, queue, clock, random, log: silentLog, registry: createRegistry() };
    const segment = startSegmentRole({ ...parts, build: async (messages) => buildSegmentFromMessages(messages) });
    const compact = startCompactRole({
      ...parts,
      merge: (request) => mergeDatasets(request, (key, offset, size) => node.store.getRange(key, offset, size)),
      retentionMs: () => 0,
      pins,
      exclusive: true,
      limits: { inputBytesMax: 64 * KIB, blockBytesMax: 64 * KIB, segmentBytes: 16 * KIB },
    });
    this.#life = { node, catalog, queue, pins, roles: [segment, compact] };
  }

  async #kill(): Promise<void> {
    this.#kills++;
    this.#life!.node.kill();
    this.#life = undefined;
    await this.#startWhileTimePasses();
  }

  /** An orderly stop answers everything that is under way. */
  async #restart(): Promise<void> {
    this.#restarts++;
    const { node, roles, queue, catalog } = this.#life!;
    this.#life = undefined;
    let stopped = false;
    const stopping = (async () => {
      for (const role of roles) await role.stop();
      await queue.close();
      await catalog.close();
      stopped = true;
    })();
    for (let waited = 0; !stopped && waited < 200; waited++) await this.#clock.runUntil(this.#clock.nowMs() + SECOND_MS);
    assert.ok(stopped, "an orderly stop comes to an end");
    await stopping;
    node.kill();
    await this.#startWhileTimePasses();
  }

  async #startWhileTimePasses(): Promise<void> {
    const starting = this.#start();
    while (this.#life === undefined) await this.#clock.runUntil(this.#clock.nowMs() + 100);
    await starting;
  }

  async #settle(): Promise<void> {
    this.#bucket.isFull = false;
    this.#life!.node.rates = CALM;
    await this.#clock.runUntil(this.#clock.nowMs() + SETTLE_MS);
    if (this.#failure !== undefined) throw this.#failure;
    assert.equal(this.#acknowledged.size, this.#profiles.size, "every client was answered");
    const { state } = this.#life!.catalog;
    for (const tenant of TENANTS) {
      await this.#check(
        state,
        tenant,
        [...this.#profiles].filter(([, profile]) => profile.tenant === tenant).map(([id]) => id),
      );
    }
    const objects: string[] = [];
    for (const prefix of ["blocks/", "segments/"]) for await (const { key } of this.#bucket.list(prefix)) objects.push(key);
    assert.deepEqual(objects, [...state.objects.keys()].sort(), "the bucket holds the live objects and no others");
    const again = await openCatalog({ store: this.#bucket, clock: this.#clock, random: seededRandom(1), exclusive: true });
    assert.deepEqual([...again.state.objects.keys()].sort(), objects, "what opens next time is the same");
  }

  /** What goes wrong in what nobody waits for ends the run. */
  #background(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#failure ??= error;
    });
  }

  #childRandom(): Random {
    return seededRandom(this.#upTo(2 ** 32));
  }

  #upTo(bound: number): number {
    return Math.floor(this.#random.next() * bound);
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#upTo(from.length)]!;
  }
}

/** A disk that may be full: small files still find a place now and then, as they do. */
class FillableStore extends MemoryStore {
  isFull = false;

  override async create(key: string, bytes: Uint8Array): Promise<void> {
    if (this.isFull && !(key.startsWith("catalog/") && bytes.byteLength % 3 === 0))
      throw objectError("object_store_full", "no space", { key });
    return super.create(key, bytes);
  }
}

async function openSoon<T>(open: () => Promise<T>, clock: SimClock): Promise<T> {
  for (;;) {
    try {
      return await open();
    } catch (error) {
      if (!isCoded(error) || error.kind !== FaultKind.Unavailable) throw error;
      await clock.sleep(SECOND_MS as DurationMs);
    }
  }
}

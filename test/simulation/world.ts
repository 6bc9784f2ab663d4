import { FaultKind, isCoded } from "../../pipeline/base/errors.ts";
import { silentLog } from "../../pipeline/base/log.ts";
import { createRegistry } from "../../pipeline/base/metrics.ts";
import { type Random, seededRandom } from "../../pipeline/base/random.ts";
import { HOUR_MS, KIB, MINUTE_MS, SECOND_MS } from "../../pipeline/base/units.ts";
import { type BucketCatalog, openCatalog } from "../../pipeline/catalog/bucket-catalog.ts";
import type { FaultRates } from "../../pipeline/objects/faulty.ts";
import { MemoryStore } from "../../pipeline/objects/memory.ts";
import { encodeQueuedProfile } from "../../pipeline/profile/queued-profile-codec.ts";
import { testQueuedProfile } from "../../pipeline/profile/testing/test-queued-profile.ts";
import { startCompactRole } from "../../pipeline/roles/compact/compact.ts";
import { mergeDatasets } from "../../pipeline/roles/compact/merge.ts";
import { deleteProfiles } from "../../pipeline/roles/compact/tombstones.ts";
import { buildSegmentFromMessages } from "../../pipeline/roles/segment/build.ts";
import { startSegmentRole } from "../../pipeline/roles/segment/segment.ts";
import { Auditor } from "./auditor.ts";
import { SERVICES, START_MS, TENANTS } from "./scenario.ts";
import { SimClock } from "./sim-clock.ts";
import { SimNode } from "./sim-node.ts";
import { type SimPuller, SimStream } from "./sim-queue.ts";

/** How many there are of each. */
export type WorldSize = { readonly partitions: number; readonly workers: number; readonly compactors: number };

const SMALL: WorldSize = { partitions: 3, workers: 2, compactors: 2 };
/** As many partitions as tenants have services, so that each has work; more workers than partitions, so that some wait. */
export const MANY: WorldSize = { partitions: 6, workers: 8, compactors: 4 };
const LOAD_MS = 20 * MINUTE_MS;
/** Beyond every grace: an hour for orphans, then fifteen minutes until they are deleted. */
const SETTLE_MS = 2 * HOUR_MS;
/** Far beyond every grace. */
const STEP_MS_MAX = 3 * HOUR_MS;
const STORM: FaultRates = { before: 0.05, after: 0.05, delay: 0.3, delayMsMax: 2_000 };
const CALM: FaultRates = { before: 0, after: 0, delay: 1, delayMsMax: 30 };

type Worker = { readonly node: SimNode; readonly puller: SimPuller };

/** What a run did: equal for equal seeds. */
export type Report = {
  readonly seed: number;
  readonly published: number;
  readonly commits: number;
  readonly kills: number;
  readonly sleeps: number;
  readonly clockSteps: number;
  readonly deletions: number;
  readonly compactedBlocks: number;
  readonly queries: number;
  readonly bucketHash: string;
};

/**
 * Segment workers, compactors and a querier as they are in production, over one bucket and one stream, in simulated time with simulated
 * faults; an {@link Auditor} checks the invariants of docs/ARCHITECTURE.md at every step.
 */
export class World {
  readonly #seed: number;
  readonly #random: Random;
  readonly #clock = new SimClock(START_MS);
  readonly #bucket = new MemoryStore();
  readonly #size: WorldSize;
  readonly #stream: SimStream;
  readonly #auditor: Auditor;
  readonly #withDeletions: boolean;
  #workers: Worker[] = [];
  #compactors: SimNode[] = [];
  #published = 0;
  readonly #nodes: SimNode[] = [];
  #garbage = 0;
  #kills = 0;
  #sleeps = 0;
  #clockSteps = 0;
  #deletions = 0;
  #storm = false;

  constructor(seed: number, size: WorldSize = SMALL) {
    this.#seed = seed;
    this.#size = size;
    this.#stream = new SimStream(size.partitions);
    this.#random = seededRandom(seed);
    this.#withDeletions = seed % 2 === 1;
    this.#auditor = new Auditor({ bucket: this.#bucket, stream: this.#stream, clock: this.#clock, countsRows: !this.#withDeletions });
    this.#stream.losesAck = () => this.#storm && this.#random.next() < 0.2;
  }

  async run(): Promise<Report> {
    for (let i = 0; i < this.#size.workers; i++) this.#startWorker();
    for (let i = 0; i < this.#size.compactors; i++) this.#startCompactor();
    this.#assignPartitions();
    await this.#auditor.open();
    const endMs = START_MS + LOAD_MS;
    while (this.#clock.nowMs() < endMs) {
      await this.#clock.runUntil(this.#clock.nowMs() + this.#upTo(4 * SECOND_MS));
      this.#somethingHappens();
      await this.#auditor.look(this.#random);
    }
    await this.#settle();
    return this.#report();
  }

  #somethingHappens(): void {
    const roll = this.#random.next();
    if (roll < 0.55) this.#publish(1 + this.#upTo(5));
    else if (roll < 0.6) this.#setStorm(!this.#storm);
    else if (roll < 0.64) this.#killSomebody();
    else if (roll < 0.67) this.#putSomebodyToSleep();
    else if (roll < 0.72) this.#assignPartitions();
    else if (roll < 0.76) this.#pick(this.#workers).puller.redeliver();
    else if (roll < 0.78 && this.#withDeletions) this.#delete();
    else if (roll < 0.79) this.#publishGarbage();
    else if (roll < 0.81 && !this.#withDeletions) this.#stepClock();
  }

  #publish(count: number): void {
    for (let i = 0; i < count; i++) {
      const [tenant, service] = [this.#pick(TENANTS), this.#pick(SERVICES)];
      const number = ++this.#published;
      // The time makes each profile unique in its series, or one would be dropped as a duplicate.
      const timeNs = BigInt(this.#clock.nowMs()) * 1_000_000n + BigInt(number);
      const values = [1 + this.#upTo(100), 1 + this.#upTo(100)] as const;
      const stacks = values.map((value, i) => `main;f${this.#upTo(5)};leaf${i} ${value}`);
      const profile = testQueuedProfile({ tenant, service, timeNs, idSeed: number, stacks });
      const partition = (TENANTS.indexOf(tenant) * SERVICES.length + SERVICES.indexOf(service)) % this.#size.partitions;
      this.#stream.publish(partition, `p${number}`, encodeQueuedProfile(profile));
      const id = Buffer.from(profile.id).toString("hex");
      this.#auditor.published({ tenant, service, timeNs, id, partition, messageId: `p${number}`, value: values[0] + values[1] });
    }
  }

  #publishGarbage(): void {
    this.#garbage++;
    this.#stream.publish(this.#upTo(this.#size.partitions), `garbage${this.#garbage}`, this.#random.fill(new Uint8Array(20)));
    this.#auditor.publishedGarbage();
  }

  #killSomebody(): void {
    this.#kills++;
    if (this.#random.next() < 0.5) {
      const [victim] = this.#workers.splice(this.#upTo(this.#workers.length), 1);
      victim!.node.kill();
      this.#startWorker();
      this.#assignPartitions();
    } else {
      const [victim] = this.#compactors.splice(this.#upTo(this.#compactors.length), 1);
      victim!.kill();
      this.#startCompactor();
    }
  }

  #putSomebodyToSleep(): void {
    this.#sleeps++;
    const node = this.#random.next() < 0.5 ? this.#pick(this.#workers).node : this.#pick(this.#compactors);
    node.fallAsleep(this.#random.next() < 0.5 ? this.#upTo(10 * SECOND_MS) : this.#upTo(15 * MINUTE_MS));
  }

  /** What a deletion reaches is a matter of clocks, so that clocks only step where nothing is deleted. */
  #stepClock(): void {
    this.#clockSteps++;
    this.#pick(this.#nodes.filter(({ isDead }) => !isDead)).setClock(this.#upTo(2 * STEP_MS_MAX) - STEP_MS_MAX);
  }

  /** Each partition has an owner at least, and sometimes two. */
  #assignPartitions(): void {
    for (let partition = 0; partition < this.#size.partitions; partition++) {
      // One or two on average, however many there are.
      const owners = this.#workers.filter(() => this.#random.next() < 1 / this.#workers.length);
      if (owners.length === 0) owners.push(this.#pick(this.#workers));
      for (const worker of this.#workers) {
        if (owners.includes(worker)) worker.puller.own(partition);
        else worker.puller.disown(partition);
      }
    }
  }

  #delete(): void {
    const service = this.#random.next() < 0.7 ? this.#pick(SERVICES) : undefined;
    const toMs = this.#clock.nowMs() - this.#upTo(5 * MINUTE_MS);
    const deletion = {
      tenant: this.#pick(TENANTS),
      service,
      minTimeNs: BigInt(toMs - this.#upTo(10 * MINUTE_MS)) * 1_000_000n,
      maxTimeNs: BigInt(toMs) * 1_000_000n,
    };
    this.#deletions++;
    const node = this.#newNode("deleter");
    const begun = this.#auditor.deletionBegins(deletion);
    void (async () => {
      const catalog = await this.#openCatalog(node);
      await untilAvailable(() => deleteProfiles(deletion, { catalog, clock: node.clock, random: this.#childRandom() }));
      this.#auditor.deletionDone(begun);
    })();
  }

  async #settle(): Promise<void> {
    this.#setStorm(false);
    for (const { node } of this.#workers) node.fallAsleep(0);
    for (const node of this.#compactors) node.fallAsleep(0);
    for (const node of this.#nodes) node.setClock(0);
    this.#assignPartitions();
    // What a clock that was ahead has named is garbage only when that time has come.
    const settleMs = SETTLE_MS + (this.#clockSteps > 0 ? STEP_MS_MAX : 0);
    for (let i = 0; i < 10; i++) {
      for (const { puller } of this.#workers) puller.redeliver();
      await this.#clock.runUntil(this.#clock.nowMs() + settleMs / 10);
      await this.#auditor.look(this.#random);
    }
    await this.#auditor.finish();
  }

  #setStorm(storm: boolean): void {
    this.#storm = storm;
    for (const node of this.#nodes) node.rates = storm ? STORM : CALM;
  }

  #startWorker(): void {
    const node = this.#newNode("worker");
    const puller = this.#stream.open(node);
    this.#workers.push({ node, puller });
    void (async () => {
      startSegmentRole({
        queue: puller,
        store: node.store,
        catalog: await this.#openCatalog(node),
        build: async (messages) => buildSegmentFromMessages(messages),
        clock: node.clock,
        random: this.#childRandom(),
        log: silentLog,
        registry: createRegistry(),
        limits: { flushIntervalMs: 1_000, idleMs: 100 },
        giveUpAfterMs: 30 * SECOND_MS,
      });
    })();
  }

  #startCompactor(): void {
    const node = this.#newNode("compactor");
    this.#compactors.push(node);
    void (async () => {
      startCompactRole({
        store: node.store,
        catalog: await this.#openCatalog(node),
        merge: (request) => mergeDatasets(request, (key, offset, size) => node.store.getRange(key, offset, size)),
        clock: node.clock,
        random: this.#childRandom(),
        log: silentLog,
        registry: createRegistry(),
        retentionMs: () => 0,
        intervalMs: 3 * SECOND_MS,
        limits: { inputBytesMax: 64 * KIB, blockBytesMax: 64 * KIB, segmentBytes: 16 * KIB },
      });
    })();
  }

  #openCatalog(node: SimNode): Promise<BucketCatalog> {
    return untilAvailable(() => openCatalog({ store: node.store, clock: node.clock, random: this.#childRandom(), checkpointEvery: 20 }));
  }

  #newNode(kind: string): SimNode {
    const skewMs = this.#upTo(400) - 200;
    const node = new SimNode(`${kind}-${this.#nodes.length}`, this.#bucket, { clock: this.#clock, random: this.#childRandom(), skewMs });
    node.rates = this.#storm ? STORM : CALM;
    this.#nodes.push(node);
    return node;
  }

  #report(): Report {
    const { commits, queries, compactedBlocks, bucketHash } = this.#auditor.summary();
    return {
      seed: this.#seed,
      published: this.#published,
      commits,
      kills: this.#kills,
      sleeps: this.#sleeps,
      clockSteps: this.#clockSteps,
      deletions: this.#deletions,
      compactedBlocks,
      queries,
      bucketHash,
    };
  }

  #childRandom(): Random {
    return seededRandom(Math.floor(this.#random.next() * 2 ** 32));
  }

  /** A whole number from 0 up to and without the bound. */
  #upTo(bound: number): number {
    return Math.floor(this.#random.next() * bound);
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#upTo(from.length)]!;
  }
}

async function untilAvailable<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!isCoded(error) || error.kind !== FaultKind.Unavailable) throw error;
    }
  }
}

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Random } from "../../pipeline/base/random.ts";
import { seededRandom } from "../../pipeline/base/random.ts";
import { HOUR_MS, MINUTE_MS } from "../../pipeline/base/units.ts";
import { type BucketCatalog, openCatalog } from "../../pipeline/catalog/bucket-catalog.ts";
import type { CatalogState } from "../../pipeline/catalog/catalog.ts";
import type { ObjectStore } from "../../pipeline/objects/object-store.ts";
import type { Deletion } from "../../pipeline/roles/compact/tombstones.ts";
import { askForRows } from "./ask.ts";
import { TENANTS } from "./scenario.ts";
import type { SimClock } from "./sim-clock.ts";
import type { SimStream } from "./sim-queue.ts";

export type PublishedProfile = {
  readonly tenant: string;
  readonly service: string;
  readonly timeNs: bigint;
  readonly id: string;
  readonly partition: number;
  readonly messageId: string;
  /** Sum of its samples. */
  readonly value: number;
};

type Known = PublishedProfile & { readonly sequence: number };

/** Clocks are off by 200 ms at most, and a segment is built within this of being pulled or its commit is given up. */
type BegunDeletion = Deletion & { readonly begunMs: number; done: boolean };

/**
 * Knows what was published, and holds every state of the catalog and every answer against it. Its queries run on the real planner and
 * engine, over states that are up to ten minutes old: less than what the sweepers grant to readers.
 */
export class Auditor {
  readonly #bucket: ObjectStore;
  readonly #stream: SimStream;
  readonly #clock: SimClock;
  readonly #countsRows: boolean;
  readonly #published: Known[] = [];
  readonly #deletions: BegunDeletion[] = [];
  readonly #states: { readonly state: CatalogState; readonly atMs: number }[] = [];
  #garbage = 0;
  #commits = 0;
  #queries = 0;
  #blocks = new Set<string>();
  #bucketHash = "";
  #catalog: BucketCatalog | undefined;

  constructor(deps: { readonly bucket: ObjectStore; readonly stream: SimStream; readonly clock: SimClock; readonly countsRows: boolean }) {
    this.#bucket = deps.bucket;
    this.#stream = deps.stream;
    this.#clock = deps.clock;
    this.#countsRows = deps.countsRows;
  }

  async open(): Promise<void> {
    this.#catalog = await openCatalog({ store: this.#bucket, clock: this.#clock, random: seededRandom(1) });
    this.#catalog.onChange((state) => this.#checkState(state));
  }

  published(profile: PublishedProfile): void {
    const message = this.#stream.partitions[profile.partition]!.messages.findLast(({ id }) => id === profile.messageId)!;
    this.#published.push({ ...profile, sequence: message.sequence });
  }

  publishedGarbage(): void {
    this.#garbage++;
  }

  deletionBegins(deletion: Deletion): BegunDeletion {
    const begun = { ...deletion, begunMs: this.#clock.nowMs(), done: false };
    this.#deletions.push(begun);
    return begun;
  }

  deletionDone(deletion: BegunDeletion): void {
    deletion.done = true;
  }

  /** Looks at the bucket as a querier does, and asks about a tenant, now or from a state of some minutes ago. */
  async look(random: Random): Promise<void> {
    const mustBeFound = this.#settledProfiles();
    const state = await this.#catalog!.refresh();
    const nowMs = this.#clock.nowMs();
    this.#states.push({ state, atMs: nowMs });
    while (this.#states[0]!.atMs < nowMs - 10 * MINUTE_MS) this.#states.shift();
    const tenant = TENANTS[Math.floor(random.next() * TENANTS.length)]!;
    await this.#checkAnswer(state, tenant, mustBeFound);
    const old = this.#states[Math.floor(random.next() * this.#states.length)]!;
    await this.#ask(old.state, tenant); // every object of it must still be there
  }

  /** After all has come to rest: everything is found, nothing is left over, and nothing more is written. */
  async finish(): Promise<void> {
    assert.equal(this.#stream.unsettled, 0, "every message was acknowledged");
    const state = await this.#catalog!.refresh();
    for (const tenant of TENANTS) await this.#checkAnswer(state, tenant, new Set(this.#published.map(({ id }) => id)));
    const found = await this.#listAll();
    const data = found.filter((key) => key.startsWith("segments/") || key.startsWith("blocks/"));
    assert.deepEqual(data, [...state.objects.keys()].sort(), "the bucket holds the live objects and no others");
    const letters = found.filter((key) => key.startsWith("dead/")).length;
    assert.ok(letters >= this.#garbage, `each of the ${this.#garbage} unreadable messages is among the ${letters} dead letters`);
    if (this.#garbage === 0) assert.equal(letters, 0, "nothing readable is put aside");
    await this.#clock.runUntil(this.#clock.nowMs() + HOUR_MS);
    assert.deepEqual(await this.#listAll(), found, "a settled bucket is not written to");
    this.#bucketHash = await this.#hashAll(found);
  }

  summary() {
    return { commits: this.#commits, queries: this.#queries, compactedBlocks: this.#blocks.size, bucketHash: this.#bucketHash };
  }

  /** At every version: what the objects hold is what the progress says, no message lost and none counted twice. */
  #checkState(state: CatalogState): void {
    this.#commits++;
    for (const { key, level } of state.objects.values()) if (level > 0) this.#blocks.add(key);
    for (const object of state.objects.values()) {
      const tenants = new Set(object.datasets.map(({ tenant }) => tenant));
      assert.ok(object.level === 0 || tenants.size === 1, "a block is of one tenant");
    }
    if (!this.#countsRows) return;
    let rows = 0;
    for (const { datasets } of state.objects.values())
      for (const { kinds } of datasets) for (const { profileRows } of kinds) rows += profileRows;
    const counted = this.#published.filter(
      ({ partition, sequence }) => sequence <= state.consumedSequence(this.#stream.streamId, partition),
    );
    assert.equal(rows, counted.length, `version ${state.version} holds as many profiles as it says it has consumed`);
  }

  /** Of acknowledged messages: by a worker, so that their commit is in the log. */
  #settledProfiles(): ReadonlySet<string> {
    return new Set(
      this.#published.filter(({ partition, sequence }) => this.#stream.partitions[partition]!.settled.has(sequence)).map(({ id }) => id),
    );
  }

  async #checkAnswer(state: CatalogState, tenant: string, mustBeFound: ReadonlySet<string>): Promise<void> {
    const answered = await this.#ask(state, tenant);
    const found = new Set(answered.keys());
    const own = this.#published.filter((profile) => profile.tenant === tenant);
    const known = new Map(own.map((profile) => [profile.id, profile]));
    for (const [id, value] of answered) {
      assert.ok(known.has(id), `profile ${id} is one of tenant ${tenant}`);
      assert.equal(value, known.get(id)!.value, `profile ${id} has its value, wherever it is stored`);
    }
    for (const profile of own) {
      const fate = this.#fateOf(profile);
      if (fate === "deleted") assert.ok(!found.has(profile.id), `deleted profile ${profile.messageId} is not found`);
      if (fate === "kept" && mustBeFound.has(profile.id))
        assert.ok(found.has(profile.id), `acknowledged profile ${profile.messageId} is found`);
    }
  }

  /** A deletion reaches what was stored before it began, and not what was sent after it was done. In between, either is right. */
  #fateOf(profile: Known): "kept" | "deleted" | "either" {
    const hits = this.#deletions.filter(
      (deletion) =>
        deletion.tenant === profile.tenant &&
        (deletion.service ?? profile.service) === profile.service &&
        profile.timeNs >= deletion.minTimeNs &&
        profile.timeNs <= deletion.maxTimeNs,
    );
    if (hits.length === 0) return "kept";
    return hits.some(
      (deletion) => deletion.done && (this.#storedMs.get(profile.id) ?? Number.POSITIVE_INFINITY) < deletion.begunMs - SKEW_MS,
    )
      ? "deleted"
      : "either";
  }

  /** When a profile was first seen in an answer. */
  readonly #storedMs = new Map<string, number>();

  /** Profile ids with their values. */
  async #ask(state: CatalogState, tenant: string): Promise<ReadonlyMap<string, number>> {
    this.#queries++;
    const answered = await askForRows({ state, store: this.#bucket, clock: this.#clock, tenant });
    for (const id of answered.keys()) if (!this.#storedMs.has(id)) this.#storedMs.set(id, this.#clock.nowMs());
    return answered;
  }

  async #listAll(): Promise<string[]> {
    const keys: string[] = [];
    for await (const { key } of this.#bucket.list("")) keys.push(key);
    return keys;
  }

  async #hashAll(keys: readonly string[]): Promise<string> {
    const hash = createHash("sha256");
    for (const key of keys) hash.update(key).update(await this.#bucket.get(key));
    return hash.digest("hex").slice(0, 16);
  }
}

/** Clocks of two machines differ by 400 ms at most. */
const SKEW_MS = 400;

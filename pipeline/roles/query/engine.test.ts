import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../base/clock.ts";
import { type Random, seededRandom } from "../../base/random.ts";
import type { Bytes, TenantId, UnixMs } from "../../base/units.ts";
import type { ObjectBytes } from "../../block/writer.ts";
import type { CatalogState, LiveObject, Tombstone } from "../../catalog/catalog.ts";
import { MAPPING_SHOWS_ADDRESSES } from "../../profile/decoded-profile.ts";
import { labelSetKey } from "../../profile/labels.ts";
import { profileTypeId } from "../../profile/profile-type.ts";
import type { QueuedProfile } from "../../profile/queued-profile.ts";
import { CPU_KIND, MEMORY_KIND, testQueuedProfile } from "../../profile/testing/test-queued-profile.ts";
import { mergeDatasets } from "../compact/merge.ts";
import { buildSegment } from "../segment/build.ts";
import { BlockEngine } from "./engine.ts";
import { EVERY_STACK, type StackSelection, type TypedSelection } from "./engine-interface.ts";
import type { FlameTree } from "./flame-tree.ts";
import type { Matcher } from "./matcher.ts";
import { SectionCache } from "./section-cache.ts";

/*
 * Goal: the engine's answers are those of the profiles themselves, whatever objects they are in, before and after compaction, with deletions.
 * Method: random profiles as text; an obvious implementation that walks the text; the engine over segments and over merged blocks.
 */

type Written = {
  readonly text: readonly { stack: string; values: readonly number[]; span: string | undefined }[];
  readonly profile: QueuedProfile;
  readonly pod: string;
};

const T0 = 1_700_000_000_000;

describe("BlockEngine", () => {
  it("answers as the profiles say, however they are split and merged", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 1e9 }), async (seed) => {
        const random = seededRandom(seed);
        const written = randomWritten(random, 1 + pick(random, 14));
        const segments = split(random, written).map((part) => buildSegment(part.map(({ profile }) => profile)));
        const bucket = new Bucket(segments);
        const blocks = await bucket.compacted();
        for (let i = 0; i < 4; i++) {
          const question = randomQuestion(random, written);
          const deleted = pick(random, 3) === 0 ? [randomTombstone(random)] : [];
          const expected = slowAnswer(written, question, deleted);
          expect(await fastAnswer(bucket, question, deleted)).toEqual(expected);
          expect(await fastAnswer(blocks, question, deleted)).toEqual(expected);
        }
      }),
      { numRuns: 150, seed: 11 },
    );
  });

  it("counts a profile that is in two objects once, and keeps the one compaction keeps", async () => {
    const twins = [2, 1].map((idSeed) => testQueuedProfile({ tenant: "t", idSeed, timeMs: T0, stacks: [`main;from${idSeed} 5`] }));
    const bucket = new Bucket(twins.map((profile) => buildSegment([profile])));
    const question = { selection: { ...everything("t"), profileTypeId: profileTypeId(CPU_KIND, 0) }, stacks: EVERY_STACK };
    const before = await fastAnswer(bucket, question, []);
    expect(before.tree.reduce((sum, [, self]) => sum + self, 0)).toBe(5);
    expect(await fastAnswer(await bucket.compacted(), question, [])).toEqual(before);
  });

  it("shows a native frame without a function as binary!0xaddress, and keeps its value", async () => {
    const profile = testQueuedProfile({ tenant: "t", timeMs: T0, stacks: ["main;x@0x1f 5"] });
    const answer = await fastAnswer(
      new Bucket([buildSegment([profile])]),
      { selection: { ...everything("t"), profileTypeId: profileTypeId(CPU_KIND, 0) }, stacks: EVERY_STACK },
      [],
    );
    expect(answer.tree).toEqual([["main;app!0x1f", 5]]);
  });

  it("hides the addresses that a function with a name was called from, unless their mapping says to show them", async () => {
    const profile = testQueuedProfile({ tenant: "t", timeMs: T0, stacks: ["x@0x1f;main;y@0x2f 5", "x@0x1f 2"] });
    const shown = {
      ...profile,
      mappings: { ...profile.mappings, flags: profile.mappings.flags.map((flags) => flags | MAPPING_SHOWS_ADDRESSES) },
    };
    const treeOf = async (one: typeof profile) => {
      const question = { selection: { ...everything("t"), profileTypeId: profileTypeId(CPU_KIND, 0) }, stacks: EVERY_STACK };
      return (await fastAnswer(new Bucket([buildSegment([one])]), question, [])).tree;
    };
    expect(await treeOf(profile)).toEqual(
      expect.arrayContaining([
        ["main;app!0x2f", 5],
        ["app!0x1f", 2],
      ]),
    );
    expect(await treeOf(shown)).toEqual(
      expect.arrayContaining([
        ["app!0x1f;main;app!0x2f", 5],
        ["app!0x1f", 2],
      ]),
    );
  });

  it("refuses to read more bytes than a query may", async () => {
    const bucket = new Bucket([buildSegment([testQueuedProfile({ tenant: "t", timeMs: T0, stacks: ["main 5"] })])]);
    const engine = bucket.engine([], { bytesMax: 10 });
    await expect(engine.tree({ ...everything("t"), profileTypeId: profileTypeId(CPU_KIND, 0) }, EVERY_STACK)).rejects.toMatchObject({
      code: "query_limit_bytes",
    });
  });

  it("reads nothing of another tenant", async () => {
    const bucket = new Bucket([
      buildSegment(["a", "b"].map((tenant) => testQueuedProfile({ tenant, timeMs: T0, stacks: [`main;${tenant} 5`] }))),
    ]);
    const question = { selection: { ...everything("a"), profileTypeId: profileTypeId(CPU_KIND, 0) }, stacks: EVERY_STACK };
    expect((await fastAnswer(bucket, question, [])).tree).toEqual([["main;a", 5]]);
  });
});

class Bucket {
  readonly #objects = new Map<string, { readonly live: LiveObject; readonly bytes: Uint8Array }>();
  readonly #cache = new SectionCache(1_000_000 as Bytes);

  constructor(objects: readonly ObjectBytes[]) {
    objects.forEach(({ bytes, directory }, index) => {
      const key = `object-${index}`;
      this.#objects.set(key, {
        live: { key, sizeBytes: bytes.length, level: directory.level, createdMs: 0 as UnixMs, datasets: directory.datasets },
        bytes,
      });
    });
  }

  engine(tombstones: readonly Tombstone[], limits: { readonly bytesMax: number } = { bytesMax: 0 }): BlockEngine {
    const state: CatalogState = {
      version: 1,
      objects: new Map([...this.#objects].map(([key, { live }]) => [key, live])),
      tombstones,
      consumedSequence: () => 0,
    };
    return new BlockEngine({
      state,
      readRange: this.#readRange,
      cache: this.#cache,
      clock: systemClock,
      limits: { ...limits, datasetsMax: 0, durationMsMax: 0 },
    });
  }

  async compacted(): Promise<Bucket> {
    const inputs = [...this.#objects.values()].flatMap(({ live }) =>
      live.datasets.map((dataset) => ({ key: live.key, dataset, dropped: [] })),
    );
    const merged: ObjectBytes[] = [];
    for (const tenant of new Set(inputs.map(({ dataset }) => dataset.tenant))) {
      const request = { level: 1, inputs: inputs.filter(({ dataset }) => dataset.tenant === tenant), objectBytesMax: 1 << 20 };
      for await (const block of mergeDatasets(request, this.#readRange)) merged.push(block);
    }
    return new Bucket(merged);
  }

  readonly #readRange = async (key: string, offset: number, size: number): Promise<Uint8Array> =>
    this.#objects.get(key)!.bytes.slice(offset, offset + size);
}

type Question = { readonly selection: TypedSelection; readonly stacks: StackSelection };
type Answer = {
  readonly tree: readonly [string, number][];
  readonly rows: readonly string[];
  readonly stacks: readonly [string, number][];
  readonly spans: readonly string[];
  readonly series: readonly string[];
  readonly names: readonly string[];
};

async function fastAnswer(bucket: Bucket, { selection, stacks }: Question, tombstones: readonly Tombstone[]): Promise<Answer> {
  const engine = bucket.engine(tombstones);
  const rows = await engine.rows(selection, stacks);
  const spans = await engine.spanRows(selection, stacks);
  const series = await engine.series(selection);
  const merged = await engine.stacks(selection, stacks);
  const text = (i: number): string =>
    Buffer.from(merged.strings.bytes.subarray(i === 0 ? 0 : merged.strings.ends[i - 1]!, merged.strings.ends[i]!)).toString();
  const frame = (location: number): string => {
    const line = merged.locations.lineEnds[location]! - 1;
    const hasLine = merged.locations.lineEnds[location] !== (location === 0 ? 0 : merged.locations.lineEnds[location - 1]!);
    return hasLine
      ? text(merged.functions.name[merged.lines.function[line]! - 1]!)
      : `app!0x${merged.locations.addressLo[location]!.toString(16)}`;
  };
  return {
    tree: treePaths(await engine.tree(selection, stacks)),
    rows: Array.from(
      { length: rows.count },
      (_, i) => `${pod(rows.series[rows.seriesIndex[i]!]!)} ${rows.timeMs[i]} ${rows.value[i]}`,
    ).sort(),
    stacks: sortPairs(
      Array.from(merged.values, (value, i) => {
        const own = [...merged.stackLocations.subarray(i === 0 ? 0 : merged.stackEnds[i - 1]!, merged.stackEnds[i]!)];
        return [own.reverse().map(frame).join(";"), value] as [string, number];
      }),
    ),
    spans: Array.from(
      { length: spans.count },
      (_, i) => `${Buffer.from(spans.spans.subarray(i * 8, i * 8 + 8)).toString("hex")} ${spans.timeMs[i]} ${spans.value[i]}`,
    ).sort(),
    series: [
      ...new Set(
        series.flatMap(({ labels, kind, sampleTypes }) => sampleTypes.map((type) => `${labelSetKey(labels)} ${profileTypeId(kind, type)}`)),
      ),
    ].sort(),
    names: [...(await engine.labelNames(selection))].sort(),
  };
}

function slowAnswer(written: readonly Written[], { selection, stacks }: Question, tombstones: readonly Tombstone[]): Answer {
  const tree = new Map<string, number>();
  const rows: string[] = [];
  const spans = new Map<string, number>();
  const series = new Set<string>();
  const names = new Set<string>();
  const seen = new Set<string>();
  for (const { text, profile, pod } of [...written].sort((a, b) => idOrder(a.profile) - idOrder(b.profile))) {
    if (!selection.tenants.includes(profile.tenant)) continue;
    const timeMs = Number(profile.timeNs / 1_000_000n);
    if (timeMs < selection.startMs || timeMs >= selection.endMs) continue;
    if (
      tombstones.some(
        (t) =>
          t.tenant === profile.tenant &&
          (t.service ?? profile.service) === profile.service &&
          profile.timeNs >= t.minTimeNs &&
          profile.timeNs <= t.maxTimeNs,
      )
    )
      continue;
    if (!selection.matchers.every((matcher) => holds(matcher, { service_name: profile.service, pod }))) continue;
    const identity = `${profile.tenant} ${profile.service} ${profile.kind.name} ${pod} ${profile.timeNs}`;
    if (seen.has(identity)) continue;
    seen.add(identity);
    profile.kind.sampleTypes.forEach((_, type) => {
      const id = profileTypeId(profile.kind, type);
      if (text.some(({ values }) => values[type]! > 0)) {
        series.add(`${labelSetKey(profile.series[0]!)} ${id}`);
        for (const { name } of profile.series[0]!) names.add(name);
      }
      if (id !== selection.profileTypeId) return;
      if (stacks.profileIds.length > 0 && !stacks.profileIds.includes(Buffer.from(profile.id).toString("hex"))) return;
      let sum = 0;
      for (const { stack, values, span } of text) {
        if (stacks.callSite.length > 0 && `${stack};`.indexOf(`${stacks.callSite.join(";")};`) !== 0) continue;
        if (stacks.spanIds.length > 0 && (span === undefined || !stacks.spanIds.includes(span))) continue;
        const value = values[type]!;
        if (value === 0) continue;
        sum += value;
        tree.set(stack, (tree.get(stack) ?? 0) + value);
        if (span !== undefined) spans.set(`${identity}\0${span} ${timeMs}`, (spans.get(`${identity}\0${span} ${timeMs}`) ?? 0) + value);
      }
      if (sum > 0) rows.push(`${pod} ${timeMs} ${sum}`);
    });
  }
  // The engine's series are of the selection without the profile type.
  const pairs = sortPairs([...tree]);
  return {
    tree: pairs,
    rows: rows.sort(),
    stacks: pairs,
    spans: [...spans].map(([key, value]) => `${key.slice(key.indexOf("\0") + 1)} ${value}`).sort(),
    series: [...series].sort(),
    names: [...names].sort(),
  };
}

function treePaths(tree: FlameTree): [string, number][] {
  const paths: string[] = [""];
  const name = (i: number): string =>
    Buffer.from(tree.names.bytes.subarray(tree.names.starts[i]!, tree.names.starts[i]! + tree.names.lengths[i]!)).toString();
  const pairs: [string, number][] = [];
  for (let node = 1; node < tree.count; node++) {
    const above = paths[tree.parent[node]!]!;
    paths[node] = above === "" ? name(tree.name[node]!) : `${above};${name(tree.name[node]!)}`;
    if (tree.self[node]! > 0) pairs.push([paths[node]!, tree.self[node]!]);
  }
  return sortPairs(pairs);
}

function randomWritten(random: Random, count: number): Written[] {
  return Array.from({ length: count }, (_, index) => {
    const kind = pick(random, 2) === 0 ? CPU_KIND : MEMORY_KIND;
    const stacks = new Map<string, Written["text"][number]>();
    for (let i = 1 + pick(random, 10); i > 0; i--) {
      const stack = Array.from({ length: 1 + pick(random, 5) }, () => `f${pick(random, 4)}`).join(";");
      const span = pick(random, 4) === 0 ? `000000000000000${1 + pick(random, 3)}` : undefined;
      const values = kind === CPU_KIND ? [1 + pick(random, 5)] : [1 + pick(random, 5), pick(random, 2) * 48];
      stacks.set(`${stack} ${span}`, { stack, values, span });
    }
    const text = [...stacks.values()];
    const pod = `p${pick(random, 3)}`;
    const profile = testQueuedProfile({
      kind,
      tenant: `t${pick(random, 2)}`,
      service: `s${pick(random, 2)}`,
      idSeed: index + 1,
      timeMs: T0 + pick(random, 8) * 15_000,
      // Some pods have a label of their own, so that names depend on which rows there are.
      labels: pod === "p2" ? { pod, zone: "z" } : { pod },
      stacks: text.map(({ stack, values, span }) => `${stack} ${values.join(" ")}${span === undefined ? "" : ` span=${span}`}`),
    });
    return { text, profile, pod };
  });
}

function randomQuestion(random: Random, written: readonly Written[]): Question {
  const kind = pick(random, 2) === 0 ? CPU_KIND : MEMORY_KIND;
  const matchers: Matcher[] = [];
  if (pick(random, 2) === 0) matchers.push({ name: "service_name", op: "=", value: `s${pick(random, 2)}` });
  if (pick(random, 2) === 0) matchers.push({ name: "pod", op: "=~", value: `p${pick(random, 3)}|p1` });
  const start = T0 + (pick(random, 2) === 0 ? -1000 : pick(random, 4) * 15_000);
  const one = written[pick(random, written.length)]!;
  return {
    selection: {
      tenants: [one.profile.tenant],
      matchers,
      startMs: start as UnixMs,
      endMs: (start + (1 + pick(random, 9)) * 15_000) as UnixMs,
      profileTypeId: profileTypeId(kind, pick(random, kind.sampleTypes.length)),
    },
    stacks: {
      ...EVERY_STACK,
      callSite: pick(random, 3) === 0 ? [`f${pick(random, 4)}`] : [],
      spanIds: pick(random, 5) === 0 ? ["0000000000000001", "0000000000000002"] : [],
      profileIds: pick(random, 6) === 0 ? [Buffer.from(one.profile.id).toString("hex")] : [],
    },
  };
}

function randomTombstone(random: Random): Tombstone {
  const start = BigInt(T0 + pick(random, 8) * 15_000) * 1_000_000n;
  const service = pick(random, 2) === 0 ? undefined : `s${pick(random, 2)}`;
  return { id: "d", tenant: `t${pick(random, 2)}`, service, minTimeNs: start, maxTimeNs: start + 20_000_000_000n, createdMs: 1 as UnixMs };
}

function split(random: Random, written: readonly Written[]): Written[][] {
  const parts = Array.from({ length: 1 + pick(random, 4) }, (): Written[] => []);
  for (const one of written) parts[pick(random, parts.length)]!.push(one);
  return parts.filter((part) => part.length > 0);
}

function holds(matcher: Matcher, labels: Readonly<Record<string, string>>): boolean {
  const value = labels[matcher.name] ?? "";
  return matcher.op === "=" ? value === matcher.value : new RegExp(`^(?:${matcher.value})$`).test(value);
}

function everything(tenant: string): Omit<TypedSelection, "profileTypeId"> {
  return { tenants: [tenant as TenantId], matchers: [], startMs: 1 as UnixMs, endMs: (T0 * 2) as UnixMs };
}

/** The order in which of two rows of the same series and time one is kept. */
function idOrder(profile: QueuedProfile): number {
  return new DataView(profile.id.buffer, profile.id.byteOffset).getUint32(0, true);
}

function sortPairs(pairs: [string, number][]): [string, number][] {
  return pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

function pod(labels: readonly { name: string; value: string }[]): string {
  return labels.find(({ name }) => name === "pod")?.value ?? "";
}

function pick(random: Random, below: number): number {
  return Math.floor(random.next() * below);
}

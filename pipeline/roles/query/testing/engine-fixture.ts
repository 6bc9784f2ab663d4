import { systemClock } from "../../../base/clock.ts";
import type { Random } from "../../../base/random.ts";
import type { Bytes, TenantId, UnixMs } from "../../../base/units.ts";
import type { ObjectBytes } from "../../../block/writer.ts";
import type { CatalogState, LiveObject, Tombstone } from "../../../catalog/catalog.ts";
import { labelSetKey } from "../../../profile/labels.ts";
import { profileTypeId } from "../../../profile/profile-type.ts";
import type { QueuedProfile } from "../../../profile/queued-profile.ts";
import { CPU_KIND, MEMORY_KIND, testQueuedProfile } from "../../../profile/testing/test-queued-profile.ts";
import { mergeDatasets } from "../../compact/merge.ts";
import { BlockEngine } from "../engine.ts";
import { type Engine, EVERY_STACK, type StackSelection, type TypedSelection } from "../engine-interface.ts";
import type { FlameTree } from "../flame-tree.ts";
import type { Matcher } from "../matcher.ts";
import { SectionCache } from "../section-cache.ts";

/* Random profiles as text, an obvious implementation that walks the text, and the same profiles in objects. */

export type Written = {
  readonly text: readonly { stack: string; values: readonly number[]; span: string | undefined }[];
  readonly profile: QueuedProfile;
  readonly pod: string;
};

export const T0 = 1_700_000_000_000;

/** Objects in memory, and engines over them. */
export class Bucket {
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

  state(tombstones: readonly Tombstone[]): CatalogState {
    return {
      version: 1,
      objects: new Map([...this.#objects].map(([key, { live }]) => [key, live])),
      tombstones,
      consumedSequence: () => 0,
    };
  }

  engine(tombstones: readonly Tombstone[], limits: { readonly bytesMax: number } = { bytesMax: 0 }): BlockEngine {
    return this.engineOver(this.state(tombstones), { limits });
  }

  engineOver(
    state: CatalogState,
    { limits = { bytesMax: 0 }, isDistinct = false }: { limits?: { readonly bytesMax: number }; isDistinct?: boolean } = {},
  ): BlockEngine {
    return new BlockEngine({
      state,
      readRange: this.#readRange,
      cache: this.#cache,
      clock: systemClock,
      limits: { ...limits, datasetsMax: 0, durationMsMax: 0 },
      isDistinct,
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

export type Question = { readonly selection: TypedSelection; readonly stacks: StackSelection };
export type Answer = {
  readonly tree: readonly [string, number][];
  readonly rows: readonly string[];
  readonly stacks: readonly [string, number][];
  readonly spans: readonly string[];
  readonly series: readonly string[];
  readonly names: readonly string[];
};

export async function fastAnswer(engine: Engine, { selection, stacks }: Question): Promise<Answer> {
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

export function slowAnswer(written: readonly Written[], { selection, stacks }: Question, tombstones: readonly Tombstone[]): Answer {
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

export function treePaths(tree: FlameTree): [string, number][] {
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

export function randomWritten(random: Random, count: number): Written[] {
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

export function randomQuestion(random: Random, written: readonly Written[]): Question {
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

export function randomTombstone(random: Random): Tombstone {
  const start = BigInt(T0 + pick(random, 8) * 15_000) * 1_000_000n;
  const service = pick(random, 2) === 0 ? undefined : `s${pick(random, 2)}`;
  return { id: "d", tenant: `t${pick(random, 2)}`, service, minTimeNs: start, maxTimeNs: start + 20_000_000_000n, createdMs: 1 as UnixMs };
}

export function split(random: Random, written: readonly Written[]): Written[][] {
  const parts = Array.from({ length: 1 + pick(random, 4) }, (): Written[] => []);
  for (const one of written) parts[pick(random, parts.length)]!.push(one);
  return parts.filter((part) => part.length > 0);
}

function holds(matcher: Matcher, labels: Readonly<Record<string, string>>): boolean {
  const value = labels[matcher.name] ?? "";
  return matcher.op === "=" ? value === matcher.value : new RegExp(`^(?:${matcher.value})$`).test(value);
}

export function everything(tenant: string): Omit<TypedSelection, "profileTypeId"> {
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

export function pick(random: Random, below: number): number {
  return Math.floor(random.next() * below);
}

/*
 * CPU of each stage of the pipeline, in one thread and without a server: gunzip, decode, normalise, encode, build segments, merge, answer.
 * Usage: node hack/bench/stages.ts FLEET_DIR [PROFILES] [BATCH] — FLEET_DIR holds a manifest.jsonl as ../shared/bench's mkreplay writes it.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { systemClock } from "../../pipeline/base/clock.ts";
import { seededRandom } from "../../pipeline/base/random.ts";
import type { Bytes, TenantId, UnixMs } from "../../pipeline/base/units.ts";
import type { ObjectBytes } from "../../pipeline/block/writer.ts";
import type { CatalogState, LiveObject } from "../../pipeline/catalog/catalog.ts";
import { createPprofReader } from "../../pipeline/profile/pprof-reader.ts";
import { encodeQueuedProfile } from "../../pipeline/profile/queued-profile-codec.ts";
import { mergeDatasets } from "../../pipeline/roles/compact/merge.ts";
import { prepareLabels } from "../../pipeline/roles/ingest/admit.ts";
import { DEFAULT_LIMITS } from "../../pipeline/roles/ingest/limits.ts";
import { normalize } from "../../pipeline/roles/ingest/normalize.ts";
import { BlockEngine } from "../../pipeline/roles/query/engine.ts";
import { EVERY_STACK } from "../../pipeline/roles/query/engine-interface.ts";
import { SectionCache } from "../../pipeline/roles/query/section-cache.ts";
import { buildSegmentFromMessages } from "../../pipeline/roles/segment/build.ts";

type ManifestEntry = { readonly file: string; readonly labels: Readonly<Record<string, string>> };

const [folder = "", profilesMax = "2000", batch = "8"] = process.argv.slice(2);
if (folder === "") throw new Error("usage: node hack/bench/stages.ts FLEET_DIR [PROFILES] [BATCH]");
const tenant = "anonymous" as TenantId;
const entries = readFileSync(join(folder, "manifest.jsonl"), "utf8")
  .trim()
  .split("\n")
  .slice(0, Number(profilesMax))
  .map((line) => JSON.parse(line) as ManifestEntry);
const files = entries.map((entry) => readFileSync(join(folder, entry.file)));
const limits = { ...DEFAULT_LIMITS, rejectOlderThanMs: 0, rejectNewerThanMs: 0 };
const reader = createPprofReader();
const random = seededRandom(1);
/** The first round warms up; of the others the cheapest counts, as a busy machine only adds. */
const ROUNDS = 5;
let cpu: Record<string, number> = {};
const cheapest: Record<string, number> = {};
const count = entries.length;

function endRound(counts: boolean): void {
  if (counts) for (const [stage, ms] of Object.entries(cpu)) cheapest[stage] = Math.min(cheapest[stage] ?? Number.POSITIVE_INFINITY, ms);
  cpu = {};
}

function timed<Value>(stage: string, work: () => Value): Value {
  const before = process.cpuUsage();
  const value = work();
  const used = process.cpuUsage(before);
  cpu[stage] = (cpu[stage] ?? 0) + (used.user + used.system) / 1000;
  return value;
}

const messages: Uint8Array[] = [];
const segments: ObjectBytes[] = [];
let gzBytes = 0;
for (let round = 0; round < ROUNDS; round++) {
  messages.length = 0;
  segments.length = 0;
  gzBytes = 0;
  entries.forEach((entry, i) => {
    gzBytes += files[i]!.length;
    const raw = timed("gunzip", () => gunzipSync(files[i]!));
    const profile = timed("decode", () => reader.read(raw));
    const labels = prepareLabels(
      Object.entries(entry.labels).map(([name, value]) => ({ name, value })),
      limits,
    );
    const normalized = timed("normalise", () =>
      normalize({ profile, labels, tenant, id: random.fill(new Uint8Array(16)), nowMs: 1_800_000_000_000 as UnixMs, limits }),
    );
    for (const queued of normalized.profiles) messages.push(timed("encode", () => encodeQueuedProfile(queued)));
  });
  for (let at = 0; at < messages.length; at += Number(batch)) {
    const built = timed("build", () => buildSegmentFromMessages(messages.slice(at, at + Number(batch))));
    if (built.bytes !== undefined && built.directory !== undefined) segments.push({ bytes: built.bytes, directory: built.directory });
  }
  endRound(round > 0);
}
const store = new Map(segments.map((segment, i) => [`s${i}`, segment]));
const readRange = async (key: string, offset: number, size: number): Promise<Uint8Array> =>
  store.get(key)!.bytes.subarray(offset, offset + size);
const blocks: ObjectBytes[] = [];
const inputs = [...store].flatMap(([key, { directory }]) => directory.datasets.map((dataset) => ({ key, dataset, dropped: [] })));
for (let round = 0; round < ROUNDS; round++) {
  blocks.length = 0;
  const before = process.cpuUsage();
  for await (const block of mergeDatasets({ level: 1, inputs, objectBytesMax: 64 << 20 }, readRange)) blocks.push(block);
  const merged = process.cpuUsage(before);
  cpu["merge"] = (merged.user + merged.system) / 1000;
  endRound(round > 0);
}

let total = 0;
for (const [stage, ms] of Object.entries(cheapest)) {
  total += ms;
  console.log(`${stage.padEnd(10)} ${(ms / count).toFixed(3)} ms/profile`);
}
console.log(`${"all".padEnd(10)} ${(total / count).toFixed(3)} ms/profile`);
const size = (objects: readonly ObjectBytes[]): number => objects.reduce((sum, { bytes }) => sum + bytes.length, 0);
console.log(
  `${count} profiles, ${gzBytes} gzipped bytes in, messages ${messages.reduce((s, m) => s + m.length, 0)}, segments ${size(segments)} in ${segments.length}, blocks ${size(blocks)} in ${blocks.length}`,
);
const sections: Record<string, number> = {};
for (const { directory } of blocks) {
  for (const dataset of directory.datasets) {
    for (const section of dataset.sections) {
      const name = `${["", "series", "symbols", "profiles", "samples", "totals"][section.kind]}`;
      sections[name] = (sections[name] ?? 0) + section.sizeBytes;
    }
  }
}
console.log(sections);

blocks.forEach((block, i) => store.set(`b${i}`, block));
const objects = new Map<string, LiveObject>(
  blocks.map(({ bytes, directory }, i) => [
    `b${i}`,
    { key: `b${i}`, sizeBytes: bytes.length, level: 1, createdMs: 0 as UnixMs, datasets: directory.datasets },
  ]),
);
const state: CatalogState = { version: 1, objects, tombstones: [], consumedSequence: () => 0 };
const cache = new SectionCache((256 << 20) as Bytes);
for (const [name, service, type] of [
  ["one service, cpu", "checkout-go", "process_cpu:cpu:nanoseconds:cpu:nanoseconds"],
  ["fleet, cpu", undefined, "process_cpu:cpu:nanoseconds:cpu:nanoseconds"],
  ["fleet, alloc", undefined, "memory:alloc_space:bytes:space:bytes"],
] as const) {
  const costs: string[] = [];
  for (let i = 0; i < 6; i++) {
    const from = process.cpuUsage();
    const engine = new BlockEngine({
      state,
      readRange,
      cache,
      clock: systemClock,
      limits: { datasetsMax: 0, bytesMax: 0, durationMsMax: 0 },
    });
    const matchers = service === undefined ? [] : [{ name: "service_name", op: "=" as const, value: service }];
    const tree = await engine.tree(
      { tenants: [tenant], matchers, startMs: 0 as UnixMs, endMs: 4_000_000_000_000 as UnixMs, profileTypeId: type },
      EVERY_STACK,
    );
    const used = process.cpuUsage(from);
    costs.push(`${((used.user + used.system) / 1000).toFixed(1)}`);
    if (i === 5) console.log(`${name}: ${costs.join(" ")} ms, ${tree.count} nodes, total ${tree.total[0]}`);
  }
}

import { readdirSync, readFileSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { type Random, seededRandom } from "../../base/random.ts";
import type { TenantId, UnixMs } from "../../base/units.ts";
import { decodeQueuedProfile } from "../../profile/queued-profile-codec.ts";
import type { DecodeInput } from "./decode-job.ts";
import { runDecodeJob } from "./decode-task.ts";
import { DEFAULT_LIMITS } from "./limits.ts";

/*
 * Goal: whatever comes in, in any form, ends in messages that hold together or in a fault that says invalid or too large; nothing is thrown.
 * Method: good bodies of every form, damaged at random places; the seed is in the name of a failing round.
 */

const CORPUS = new URL("../../../test/corpus/", import.meta.url);
const profiles = readdirSync(new URL("pprof/", CORPUS))
  .filter((name) => name.endsWith(".pb.gz"))
  .map((name) => gunzipSync(readFileSync(new URL(`pprof/${name}`, CORPUS))))
  .filter((raw) => raw.length < 60_000);
const otlp = (["binpb", "json"] as const).map((kind) => readFileSync(new URL(`otlp/collector-v0.164.${kind}`, CORPUS)));
const BOUNDARY = "xxBOUNDARYxx";
const LABELS = [
  { name: "__name__", value: "process_cpu" },
  { name: "service_name", value: "fuzz" },
];
const LIMITS = { ...DEFAULT_LIMITS, rejectOlderThanMs: 0, rejectNewerThanMs: 0 };

describe("decoding damaged bodies", () => {
  it.each([11, 12, 13, 14])("ends in messages or faults (seed %i)", async (seed) => {
    const random = seededRandom(seed);
    for (let round = 0; round < 60; round++) {
      const input = randomInput(random);
      const idSeed = new Uint8Array(16);
      const {
        messages,
        faults,
        profiles: seen,
      } = await runDecodeJob({ tenant: "t" as TenantId, nowMs: 1_700_000_000_000 as UnixMs, limits: LIMITS, idSeed, inputs: [input] });
      expect(seen).toBeGreaterThanOrEqual(faults.length);
      for (const fault of faults) expect(["invalid", "too_large", "unimplemented"], fault.message).toContain(fault.kind);
      for (const { bytes } of messages) checkWhole(decodeQueuedProfile(bytes));
    }
  });
});

function randomInput(random: Random): DecodeInput {
  const pick = <Value>(of: readonly Value[]): Value => of[Math.floor(random.next() * of.length)] as Value;
  const raw = damaged(random, pick(profiles));
  const query = damagedText(random, "name=app.cpu{region=eu}&from=1700000000&until=1700000010&spyName=rbspy&sampleRate=100");
  const body = random.next() < 0.5 ? raw : gzipSync(raw);
  switch (Math.floor(random.next() * 9)) {
    case 0:
      return { kind: "pprof", labels: LABELS, raw: body, clientId: "" };
    case 1:
      return { kind: "pprof", labels: LABELS, raw: damaged(random, gzipSync(raw)), clientId: "x" };
    case 2:
      return { kind: "ingest", query: "name=app&format=pprof&spyName=pyspy", contentType: "", body };
    case 3:
      return {
        kind: "ingest",
        query: "name=app",
        contentType: `multipart/form-data; boundary=${BOUNDARY}`,
        body: damaged(random, form(body)),
      };
    case 4:
      return { kind: "ingest", query, contentType: "", body: damaged(random, Buffer.from("a;b;c 12\nmain;work 3\n".repeat(20))) };
    case 5:
      return {
        kind: "ingest",
        query: `name=app.wall&format=${pick(["trie", "tree", "lines"])}`,
        contentType: "",
        body: damaged(random, Buffer.from("\0\0\x02\x03foo\x05\0\x03bar\x07\0", "latin1")),
      };
    case 6: {
      const file = {
        shared: { frames: [{ name: "a" }, { name: "b" }] },
        profiles: [{ type: "sampled", unit: "milliseconds", samples: [[0, 1]], weights: [5] }],
      };
      return {
        kind: "ingest",
        query: "name=app&format=speedscope",
        contentType: "",
        body: damaged(random, Buffer.from(JSON.stringify(file))),
      };
    }
    case 7:
      return { kind: "otlp", body: damaged(random, otlp[0]!), encoding: "proto" };
    default:
      return { kind: "otlp", body: damaged(random, otlp[1]!), encoding: "json" };
  }
}

/** None to a few bytes changed, and now and then the end cut off. */
function damaged(random: Random, body: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(body);
  const hits = Math.floor(random.next() * 4);
  for (let hit = 0; hit < hits; hit++) bytes[Math.floor(random.next() * bytes.length)] = Math.floor(random.next() * 256);
  return random.next() < 0.2 ? bytes.slice(0, Math.floor(random.next() * bytes.length)) : bytes;
}

function damagedText(random: Random, text: string): string {
  return Buffer.from(damaged(random, Buffer.from(text))).toString("latin1");
}

function form(profile: Uint8Array): Buffer {
  const part = (name: string, body: Uint8Array): Buffer =>
    Buffer.concat([
      Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"; filename="f"\r\n\r\n`),
      body,
      Buffer.from("\r\n"),
    ]);
  return Buffer.concat([
    part("profile", profile),
    part("sample_type_config", Buffer.from('{"cpu":{"display-name":"cpu"}}')),
    Buffer.from(`--${BOUNDARY}--\r\n`),
  ]);
}

/** Every reference of a message leads into its table, and every sample says something. */
function checkWhole({
  strings,
  mappings,
  functions,
  locations,
  lines,
  nodes,
  samples,
  series,
  kind,
}: ReturnType<typeof decodeQueuedProfile>): void {
  const within = (name: string, column: Uint32Array, count: number): void => {
    for (const index of column) if (index >= count) throw new Error(`${name} refers to ${index} of ${count}`);
  };
  const stringCount = strings.ends.length;
  for (const [name, column] of Object.entries({ ...functions, startLine: new Uint32Array(0) })) within(name, column, stringCount);
  within("mapping file", mappings.fileName, stringCount);
  within("mapping build id", mappings.buildId, stringCount);
  within("location mapping", locations.mapping, mappings.flags.length + 1);
  within("line function", lines.function, functions.name.length + 1);
  within("node location", nodes.location, locations.mapping.length);
  within("sample stack", samples.stack, nodes.parent.length + 1);
  within("sample series", samples.series, series.length);
  const width = kind.sampleTypes.length;
  for (let sample = 0; sample < samples.count; sample++) {
    const values = samples.values.subarray(sample * width, (sample + 1) * width);
    if (!values.every((value) => Number.isSafeInteger(value) && value >= 0) || !values.some((value) => value > 0))
      throw new Error(`sample ${sample} has values ${values}`);
  }
}

import { create, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ProfileSchema } from "../../../api/gen/google/v1/profile_pb.ts";
import { isCoded } from "../../../base/errors.ts";
import type { UnixMs } from "../../../base/units.ts";
import type { DecodedProfile } from "../../../profile/decoded-profile.ts";
import { createPprofReader } from "../../../profile/pprof-reader.ts";
import { encodePprof } from "../../../profile/pprof-writer.ts";
import { DEFAULT_LIMITS } from "../limits.ts";
import type { FormatContext, FormatItem } from "./format.ts";
import { ingestItems } from "./ingest.ts";

/*
 * Goal: what SDKs send over /ingest gets the names, times and repairs that Pyroscope gives it.
 * Method: one body, its query string, and what comes out before normalisation.
 */

const NOW_MS = 1_700_000_000_000 as UnixMs;
const TIME_NS = BigInt(NOW_MS) * 1_000_000n;

describe("the kind of a pprof body", () => {
  it.each<[string, readonly string[], string | undefined]>([
    ["process_cpu", ["samples", "cpu"], undefined],
    ["process_cpu", ["samples"], undefined],
    ["wall", ["samples", "wall"], undefined],
    ["wall", ["cpu", "wall"], undefined],
    ["memory", ["alloc_objects", "alloc_space"], undefined],
    ["memory", ["objects", "space"], undefined],
    ["mutex", ["contentions", "delay"], undefined],
    ["block", ["contentions", "delay"], '{"contentions":{"display-name":"block_count"},"delay":{"display-name":"block_duration"}}'],
    ["goroutines", ["goroutine"], undefined],
    ["custom", ["first", "custom"], undefined],
    ["memory", ["heap"], '{"heap":{"display-name":"inuse_space","units":"bytes"}}'],
    ["samples", ["samples"], "{}"],
  ])("is %s for %j", async (metric, types, config) => {
    const item = await one({ body: pprof({ types }), config });
    expect(labelOf(item, "__name__")).toBe(metric);
  });
});

describe("labels of /ingest", () => {
  it("name the service by the application, or the application by its own label", async () => {
    expect(pairs(await one({ body: pprof({}), query: "name=shop{region=eu}&spyName=gospy" }))).toEqual([
      "__delta__=false",
      "__name__=process_cpu",
      "pyroscope_spy=gospy",
      "region=eu",
      "service_name=shop",
    ]);
    expect(pairs(await one({ body: pprof({}), query: "name=shop{service_name=mine}" }))).toEqual([
      "__delta__=false",
      "__name__=process_cpu",
      "app_name=shop",
      "pyroscope_spy=unknown",
      "service_name=mine",
    ]);
  });

  it("keep the session and no other private label", async () => {
    const item = await one({ body: pprof({}), query: "name=shop{__session_id__=00ff,__evil__=1}" });
    expect(pairs(item)).toContain("__session_id__=00ff");
    expect(pairs(item).some((pair) => pair.includes("evil"))).toBe(false);
  });
});

describe("repairs of /ingest", () => {
  it("take the start of the request for times that are in 1970", async () => {
    const query = "name=shop&from=1700000123&until=1700000133";
    expect((await one({ body: pprof({ timeNs: 1_700_000_000_000_000n }), query })).decoded.timeNs).toBe(1_700_000_123_000_000_000n);
    expect((await one({ body: pprof({ timeNs: TIME_NS }), query })).decoded.timeNs).toBe(TIME_NS);
  });

  it("know a request as repeatable only when it says when", async () => {
    expect((await one({ body: pprof({ timeNs: 0n }), query: "name=shop" })).repeatable).toBe(false);
    expect((await one({ body: pprof({ timeNs: 0n }), query: "name=shop&from=1700000000" })).repeatable).toBe(true);
    expect((await one({ body: pprof({}), query: "name=shop" })).repeatable).toBe(true);
  });

  it.each<[string, string, string]>([
    ["rbspy", "app/run.rb", "app/run.rb work"],
    ["pyspy", "run.py", "run.py work"],
    ["pyspy", "/usr/lib/run.py", "work"],
    ["scripting", "/srv/run.js", "/srv/run.js work"],
    ["gospy", "run.go", "work"],
  ])("put the file before the function for %s in %s", async (spy, file, name) => {
    const item = await one({ body: pprof({ file }), query: `name=shop&spyName=${spy}` });
    expect(functionName(item.decoded)).toBe(name);
  });

  it("mend sample types and function ids of old .NET clients", async () => {
    const profile = create(ProfileSchema, {
      timeNanos: TIME_NS,
      sampleType: [{ type: 1n, unit: 2n }],
      sample: [{ locationId: [7n], value: [1n] }],
      location: [{ id: 7n, address: 1n, line: [{ functionId: 7n }] }],
      function: [{ id: 0n, name: 3n }],
      stringTable: ["", "inuse-space", "bytes", "Main"],
    });
    const body = toBinary(ProfileSchema, profile);
    for (const [query, config] of [
      ["name=shop&spyName=dotnetspy", undefined],
      ["name=shop", '{"inuse-space":{}}'],
    ] as const) {
      const { decoded } = await one({ body, query, config });
      expect([decoded.sampleTypes[0]?.type, decoded.locations.lineFunction[0]]).toEqual(["inuse_space", 1]);
    }
    expect(await faultCode(one({ body, query: "name=shop" }))).toBe("malformed_profile");
  });
});

describe("forms", () => {
  it("are refused when they need a previous profile, or their settings are no JSON object", async () => {
    expect(await faultCode(one({ body: pprof({}), config: "[]" }))).toBe("malformed_profile");
    expect(await faultCode(one({ body: pprof({}), config: "{" }))).toBe("malformed_profile");
    expect(await faultCode(one({ body: pprof({}), config: undefined, more: { prev_profile: pprof({}) } }))).toBe("client_outdated");
  });

  it("are no profile without the field, and refused without a boundary", async () => {
    const form = new FormData();
    form.set("other", "x");
    expect(await items(form, "name=shop")).toEqual([]);
    const body = Buffer.from("--x\r\n");
    const input = { kind: "ingest", query: "name=shop", contentType: "multipart/form-data", body } as const;
    expect(await faultCode(collect(ingestItems(input, context())))).toBe("malformed_profile");
  });
});

type Item = Extract<FormatItem, { ok: true }>;

async function one(input: {
  body: Uint8Array;
  query?: string;
  config?: string | undefined;
  more?: Record<string, Uint8Array>;
}): Promise<Item> {
  const form = new FormData();
  form.set("profile", new Blob([Uint8Array.from(input.body)]), "profile.pprof");
  if (input.config !== undefined) form.set("sample_type_config", new Blob([input.config]), "config.json");
  for (const [name, bytes] of Object.entries(input.more ?? {})) form.set(name, new Blob([Uint8Array.from(bytes)]), "more");
  const [item] = await items(form, input.query ?? "name=shop");
  if (item === undefined || !item.ok) throw new Error("no profile");
  return item;
}

async function items(form: FormData, query: string): Promise<FormatItem[]> {
  const request = new Request("http://127.0.0.1/", { method: "POST", body: form });
  const contentType = request.headers.get("content-type") ?? "";
  return collect(ingestItems({ kind: "ingest", query, contentType, body: new Uint8Array(await request.arrayBuffer()) }, context()));
}

async function collect(from: Iterable<FormatItem> | AsyncIterable<FormatItem>): Promise<FormatItem[]> {
  const all: FormatItem[] = [];
  for await (const item of from) all.push(item);
  return all;
}

function context(): FormatContext {
  return { reader: createPprofReader(), limits: DEFAULT_LIMITS, nowMs: NOW_MS };
}

function pprof({
  types = ["cpu"],
  timeNs = TIME_NS,
  file = "main.go",
}: {
  types?: readonly string[];
  timeNs?: bigint;
  file?: string;
}): Uint8Array {
  const sampleTypes = types.map((type) => ({ type, unit: "count" }));
  return encodePprof({ sampleTypes, timeNs }, [{ stack: [{ name: "work", file }], values: types.map(() => 1) }]);
}

function functionName({ functions, strings }: DecodedProfile): string {
  const string = functions.name[0]!;
  return Buffer.from(strings.bytes.subarray(strings.starts[string]!, strings.starts[string]! + strings.lengths[string]!)).toString();
}

function labelOf(item: Item, name: string): string | undefined {
  return item.labels.find((label) => label.name === name)?.value;
}

function pairs(item: Item): string[] {
  return item.labels.map(({ name, value }) => `${name}=${value}`).sort();
}

async function faultCode(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (isCoded(error)) return error.code;
    throw error;
  }
  return "no fault";
}

import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, push } from "../harness/client.ts";
import { type FunctionWeight, type WireFlameGraph, weighFunctions } from "../harness/flame-graph.ts";
import { cutPprof, varyPprof } from "../harness/pprof-variation.ts";
import { REPOSITORY, type Server, startServer } from "../harness/server.ts";
import { haveGo, readWithGo } from "./go-pprof.ts";

/*
 * Goal: our answers equal what Go's own tool says about the same files, to the unit.
 * Method: push each real profile of the corpus, ask for its flame graph, sum it by function, compare with the sums over
 * `go tool pprof -raw`.
 */

const CORPUS = join(REPOSITORY, "test/corpus/pprof");
const FILES = readdirSync(CORPUS).filter((name) => /\.(pb\.gz|pprof)$/.test(name));

type ProfileType = { readonly ID: string; readonly sampleType: string; readonly sampleUnit?: string };

describe.skipIf(!haveGo())("answers against go tool pprof", () => {
  let server: Server;
  const range = { start: String(Date.now() - 3_600_000), end: String(Date.now() + 600_000) };

  beforeAll(async () => {
    server = await startServer({ config: { limits: { profile_max: 0, samples_max: 0, ingestion_rate: 0 } } });
  });
  afterAll(async () => {
    await server?.stop();
  });

  for (const file of FILES) {
    it(`gives ${basename(file)} its totals, flat and cumulative values, for every sample type`, async () => {
      const profile = fresh(readFileSync(join(CORPUS, file)));
      const theirs = readWithGo(written(profile));
      const service = file.replace(/[^\w.-]/g, "_");
      const reply = await push(server.url, [{ labels: { service_name: service, __name__: "oracle" }, profile }]);
      expect(reply.body.toString(), "the push").toBe("");
      expect(reply.status).toBe(200);

      const selector = `{service_name="${service}"}`;
      const { profileTypes = [] } = await ask<{ profileTypes?: readonly ProfileType[] }>(server.url, "ProfileTypes", range);
      for (const [index, { type, unit }] of theirs.types.entries()) {
        const found = profileTypes.find(
          ({ ID, sampleType, sampleUnit }) => ID.startsWith("oracle:") && sampleType === type && (sampleUnit ?? "") === unit,
        );
        if (theirs.totals[index] === 0) continue;
        expect(found, `the type ${type}:${unit}`).toBeDefined();
        const request = { ...range, profileTypeID: found!.ID, labelSelector: selector, maxNodes: String(1 << 20) };
        const { flamegraph = {} } = await ask<{ flamegraph?: WireFlameGraph }>(server.url, "SelectMergeStacktraces", request);
        expect(Number(flamegraph.total ?? 0), `total of ${type}`).toBe(theirs.totals[index]);
        expect(sorted(weighFunctions(flamegraph))).toEqual(sorted(theirs.functions[index]!));
      }
    });
  }
});

/**
 * The same profile taken a moment ago (old ones are refused, as they should be), without the stacks that Go cut at its limit:
 * ingest completes those, so that the functions at their root weigh more than Go can know.
 */
function fresh(file: Uint8Array): Buffer {
  const parts = cutPprof(file[0] === 0x1f && file[1] === 0x8b ? gunzipSync(file) : file);
  const deepest = Math.max(...parts.samples.map(({ depth }) => depth));
  const limit = [32, 64].find((frames) => deepest <= frames) ?? Number.POSITIVE_INFINITY;
  return varyPprof(parts, BigInt(Date.now()) * 1_000_000n, (sample) => (parts.samples[sample]!.depth > limit - 5 ? 0 : 1)).raw;
}

function written(profile: Buffer): string {
  const path = join(mkdtempSync(join(tmpdir(), "brazier-oracle-")), "profile.pb");
  writeFileSync(path, profile);
  return path;
}

/** By name, with Go's type arguments taken out as ingest does, because they would make one function many. */
function sorted(weights: ReadonlyMap<string, FunctionWeight>): readonly (readonly [string, number, number])[] {
  const merged = new Map<string, FunctionWeight>();
  for (const [raw, { flat, cum }] of weights) {
    const name = withoutShapes(raw);
    const known = merged.get(name) ?? { flat: 0, cum: 0 };
    merged.set(name, { flat: known.flat + flat, cum: known.cum + cum });
  }
  return [...merged]
    .filter(([, { cum }]) => cum !== 0)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, { flat, cum }]) => [name, flat, cum]);
}

/** `Map[go.shape.int,[]go.shape.string].Get` → `Map.Get` */
function withoutShapes(name: string): string {
  const open = name.indexOf("[go.shape.");
  if (open < 0) return name;
  let depth = 0;
  for (let at = open; at < name.length; at++) {
    if (name[at] === "[") depth++;
    if (name[at] === "]" && --depth === 0) return withoutShapes(name.slice(0, open) + name.slice(at + 1));
  }
  return name;
}

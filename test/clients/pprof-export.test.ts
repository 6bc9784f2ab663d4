import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ProfileSchema } from "../../pipeline/api/gen/google/v1/profile_pb.ts";
import { SelectMergeProfileRequestSchema } from "../../pipeline/api/gen/querier/v1/querier_pb.ts";
import { askProto, push } from "../harness/client.ts";
import { REPOSITORY, type Server, startServer } from "../harness/server.ts";
import { buildGoPrograms, hasGo, runGoProgram } from "./programs.ts";

/*
 * Goal: a profile that is stored and taken out again as pprof says the same as the file that came in, to Google's own library.
 * Method: push each real profile of the corpus, export every sample type with SelectMergeProfile, and let test/clients/go/cmd/oracle read both.
 */
const CORPUS = join(REPOSITORY, "test/corpus/pprof");
const FILES = existsSync(CORPUS) ? readdirSync(CORPUS).filter((name) => /\.(pb\.gz|pprof)$/.test(name)) : [];

/** From this depth on a Go stack may have been cut by its runtime, and ingest puts back what it finds in its neighbours. */
const GO_DEPTH_MAX = 32;

type Report = {
  readonly deepest: number;
  readonly timeNanos: string;
  readonly periodType: string;
  readonly sampleTypes: readonly TypeReport[];
};
type TypeReport = {
  readonly type: string;
  readonly unit: string;
  readonly total: string;
  readonly functions: Readonly<Record<string, { readonly flat: string; readonly cum: string }>>;
};

describe.skipIf(!hasGo)("pprof taken out again", () => {
  const folder = mkdtempSync(join(tmpdir(), "brazier-export-"));
  let server: Server;

  beforeAll(async () => {
    await buildGoPrograms();
    // The profiles of the corpus are old and may be large: they go in as they are.
    server = await startServer({ config: { limits: { reject_older_than: "0s", profile_max: 0, samples_max: 0 } } });
  });
  afterAll(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function readByOracle(file: string): Promise<Report> {
    return (await runGoProgram("oracle", ["-stored", file])).lines[0] as Report;
  }

  it.each(FILES)("says what %s said, function by function, for every sample type", async (file) => {
    const original = await readByOracle(join(CORPUS, file));
    const service = `export-${file}`;
    const reply = await push(server.url, [
      { labels: { service_name: service, __name__: "export" }, profile: readFileSync(join(CORPUS, file)) },
    ]);
    expect(reply.status, reply.body.toString()).toBe(200);

    const atMs = BigInt(original.timeNanos) / 1_000_000n;
    const [periodType = "", periodUnit = ""] = original.periodType.split("/");
    for (const theirs of original.sampleTypes) {
      const value = {
        profileTypeID: `export:${theirs.type}:${theirs.unit}:${periodType}:${periodUnit}`,
        labelSelector: `{service_name="${service}"}`,
        start: atMs - 60_000n,
        end: atMs + 60_000n,
      };
      const profile = await askProto(server.url, "SelectMergeProfile", {
        request: SelectMergeProfileRequestSchema,
        response: ProfileSchema,
        value,
      });
      const exported = join(folder, "export.pprof");
      writeFileSync(exported, toBinary(ProfileSchema, profile));
      const ours = await readByOracle(exported);
      if (theirs.total === "0") continue;
      expect(ours.sampleTypes.map(({ type, unit }) => [type, unit])).toEqual([[theirs.type, theirs.unit]]);
      expect(ours.sampleTypes[0]?.total).toBe(theirs.total);
      const [found, expected] = [weights(ours.sampleTypes[0]), weights(theirs)];
      const repaired = file.startsWith("go-") && original.deepest >= GO_DEPTH_MAX;
      if (!repaired) expect(found).toEqual(expected);
      // A repaired stack gains frames at its root: they weigh more in all, and the same by themselves.
      for (const [name, [flat, cum]] of Object.entries(expected)) {
        expect(found[name]?.[0], name).toBe(flat);
        expect(found[name]?.[1], name).toBeGreaterThanOrEqual(cum);
      }
    }
  });
});

/** By name. Go's type arguments are taken out, because ingest merges the functions that differ only in them. */
function weights(report: TypeReport | undefined): Readonly<Record<string, readonly [flat: number, cum: number]>> {
  const merged: Record<string, [number, number]> = {};
  for (const [raw, { flat, cum }] of Object.entries(report?.functions ?? {})) {
    if (cum === "0") continue;
    const name = raw.replace(/\[go\.shape\.[^\]]*\]+/g, "");
    const known = (merged[name] ??= [0, 0]);
    known[0] += Number(flat);
    known[1] += Number(cum);
  }
  return merged;
}

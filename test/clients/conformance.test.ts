import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Server, startServer } from "../harness/server.ts";
import { stacksOf } from "./ask.ts";
import { buildGoPrograms, hasGo, runGoProgram } from "./programs.ts";

/*
 * Goal: every RPC answers Pyroscope's own generated clients, over every protocol they speak, with the right values and codes.
 * Method: test/clients/go/cmd/conformance pushes one profile per protocol (main → mid → leaf 100 ms with a span, main → other 50 ms) and asks;
 * its answers come as protojson. The values here are derived from that profile by hand.
 */
type Line = {
  readonly protocol: string;
  readonly call: string;
  readonly code: string;
  readonly message?: string;
  // biome-ignore lint/suspicious/noExplicitAny: answers of two dozen kinds, compared as data
  readonly result?: any;
};

const PROTOCOLS = ["connect-proto", "connect-proto-gzip", "connect-proto-h2c", "connect-json", "grpc", "grpc-gzip", "grpc-web"];
const CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";
const SAMPLES = "process_cpu:samples:count:cpu:nanoseconds";
const BOTH = { "main;mid;leaf": 100_000_000, "main;other": 50_000_000 };

describe.skipIf(!hasGo)("Pyroscope's generated clients", () => {
  let server: Server;
  let lines: Line[] = [];

  beforeAll(async () => {
    await buildGoPrograms();
    server = await startServer();
    lines = (await runGoProgram("conformance", ["-url", server.url])).lines as Line[];
  });
  afterAll(() => server?.stop());

  describe.each(PROTOCOLS)("over %s", (protocol) => {
    function call(name: string): Line {
      const line = lines.find((each) => each.protocol === protocol && each.call === name);
      if (line === undefined) throw new Error(`${name} was not called over ${protocol}`);
      return line;
    }
    function result(name: string): NonNullable<Line["result"]> {
      expect(call(name)).toMatchObject({ code: "ok" });
      return call(name).result;
    }

    it.each([
      ["Push", "ok"],
      ["Push/empty", "invalid_argument"],
      ["Push/garbage", "invalid_argument"],
      ["ProfileTypes/health", "ok"],
      ["LabelValues/noName", "invalid_argument"],
      ["SelectMergeStacktraces/noRange", "invalid_argument"],
      ["SelectMergeStacktraces/badSelector", "invalid_argument"],
      ["SelectSeries/noStep", "invalid_argument"],
      ["Version", "ok"],
      ["AnalyzeQuery", "ok"],
    ])("answers %s with %s", (name, code) => {
      expect(call(name)).toMatchObject({ code });
    });

    it("answers what is not built with unimplemented", () => {
      expect(["unimplemented", "ok"]).toContain(call("Settings/unbuilt").code);
    });

    it("lists profile types", () => {
      const types = result("ProfileTypes").profileTypes as {
        ID: string;
        name: string;
        sampleType: string;
        sampleUnit: string;
        periodType: string;
        periodUnit: string;
      }[];
      expect(types).toEqual([
        { ID: CPU, name: "process_cpu", sampleType: "cpu", sampleUnit: "nanoseconds", periodType: "cpu", periodUnit: "nanoseconds" },
        { ID: SAMPLES, name: "process_cpu", sampleType: "samples", sampleUnit: "count", periodType: "cpu", periodUnit: "nanoseconds" },
      ]);
      expect(result("ProfileTypes/health").profileTypes ?? []).toEqual([]);
    });

    it("lists label names and values", () => {
      expect(result("LabelNames").names).toEqual(expect.arrayContaining(["__profile_type__", "pod", "service_name"]));
      expect(result("LabelValues").names).toEqual([`pod-${protocol}`]);
    });

    it("lists series, projected and sorted", () => {
      const labels = (type: string) => ({
        labels: [
          { name: "__profile_type__", value: type },
          { name: "service_name", value: `conformance-${protocol}` },
        ],
      });
      expect(result("Series").labelsSet).toEqual([labels(CPU), labels(SAMPLES)]);
    });

    it("merges stacktraces into a flame graph", () => {
      const { flamegraph } = result("SelectMergeStacktraces");
      expect(stacksOf(flamegraph)).toEqual(BOTH);
      expect(flamegraph).toMatchObject({ total: "150000000", maxSelf: "100000000" });
    });

    it("gives an empty flame graph its root", () => {
      expect(result("SelectMergeStacktraces/none").flamegraph).toMatchObject({
        names: ["total"],
        levels: [{ values: ["0", "0", "0", "0"] }],
      });
    });

    it("cuts to a call site and to a span", () => {
      expect(stacksOf(result("SelectMergeStacktraces/callSite").flamegraph)).toEqual({ "main;mid;leaf": 100_000_000 });
      expect(stacksOf(result("SelectMergeStacktraces/span").flamegraph)).toEqual({ "main;mid;leaf": 100_000_000 });
      expect(stacksOf(result("SelectMergeSpanProfile").flamegraph)).toEqual({ "main;mid;leaf": 100_000_000 });
    });

    it("encodes trees, graphs and pprof", () => {
      expect(Buffer.from(result("SelectMergeStacktraces/tree").tree, "base64").toString("latin1")).toContain("leaf");
      expect(result("SelectMergeStacktraces/dot").dot).toMatch(/^digraph/);
      const { pprof } = result("SelectMergeStacktraces/pprof");
      expect(pprof.profile.sample.reduce((sum: number, { value }: { value: string[] }) => sum + Number(value[0]), 0)).toBe(150_000_000);
      const profile = result("SelectMergeProfile");
      expect(profile.sample.map(({ value }: { value: string[] }) => value[0]).sort()).toEqual(["10", "5"]);
      expect(profile.stringTable).toEqual(expect.arrayContaining(["main", "mid", "leaf", "other", "samples", "count"]));
    });

    it("gives a time series per group", () => {
      const { series } = result("SelectSeries");
      expect(series).toHaveLength(1);
      expect(series[0].labels).toEqual([{ name: "pod", value: `pod-${protocol}` }]);
      expect(series[0].points.map(({ value }: { value: number }) => value)).toEqual([150_000_000]);
    });

    it("gives a heatmap of 20 rows", () => {
      const { series } = result("SelectHeatmap");
      expect(series).toHaveLength(1);
      const [slot] = series[0].slots;
      expect(series[0].slots).toHaveLength(1);
      expect(slot.yMin).toHaveLength(20);
      expect(slot.counts.reduce((sum: number, count: number) => sum + count, 0)).toBe(1);
    });

    it("compares nothing with something", () => {
      expect(result("Diff").flamegraph).toMatchObject({ rightTicks: "150000000", total: "150000000" });
    });

    it("knows that data came in", () => {
      const stats = result("GetProfileStats");
      expect(stats.dataIngested).toBe(true);
      expect(Number(stats.oldestProfileTime)).toBeGreaterThan(Date.now() - 3_600_000);
      expect(Number(stats.newestProfileTime)).toBeGreaterThanOrEqual(Number(stats.oldestProfileTime));
    });
  });
});

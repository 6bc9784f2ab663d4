import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ProfileTypesResponseSchema, SeriesResponseSchema } from "../../../api/gen/querier/v1/querier_pb.ts";
import { LabelNamesResponseSchema, LabelValuesResponseSchema } from "../../../api/gen/types/v1/types_pb.ts";
import { sortLabels } from "../../../profile/labels.ts";
import type { ProfileKind } from "../../../profile/profile-type.ts";
import type { SeriesOfKind } from "../engine-interface.ts";
import { encodeLabelNames, encodeLabelValues, encodeProfileTypes, encodeSeries, seriesOfServices } from "./labels.ts";

const CPU: ProfileKind = {
  name: "process_cpu",
  periodType: { type: "cpu", unit: "nanoseconds" },
  sampleTypes: [
    { type: "samples", unit: "count" },
    { type: "cpu", unit: "nanoseconds" },
  ],
};
const OFF_CPU: ProfileKind = {
  name: "off_cpu",
  periodType: { type: "", unit: "" },
  sampleTypes: [{ type: "off_cpu", unit: "nanoseconds" }],
};

const of = (kind: ProfileKind, sampleTypes: number[], labels: Record<string, string>): SeriesOfKind => ({
  kind,
  sampleTypes,
  labels: sortLabels(Object.entries({ __name__: kind.name, ...labels }).map(([name, value]) => ({ name, value }))),
});
const SERIES = [
  of(CPU, [0, 1], { service_name: "a", pod: "p1", "k8s.zone": "z" }),
  of(CPU, [1], { service_name: "a", pod: "p2" }),
  of(CPU, [1], { service_name: "a", pod: "p2" }),
  of(OFF_CPU, [0], { service_name: "b" }),
];

const names = (bytes: Uint8Array) => fromBinary(LabelNamesResponseSchema, bytes).names;
const values = (bytes: Uint8Array) => fromBinary(LabelValuesResponseSchema, bytes).names;
const sets = (bytes: Uint8Array) =>
  fromBinary(SeriesResponseSchema, bytes).labelsSet.map((set) => set.labels.map((label) => `${label.name}=${label.value}`).join(" "));

describe("label answers", () => {
  it("name every label, hiding names beyond the old alphabet unless asked for", () => {
    const legacy = ["__name__", "__period_type__", "__period_unit__", "__profile_type__", "__type__", "__unit__", "pod", "service_name"];
    const stored = new Set(SERIES.flatMap(({ labels }) => labels.map(({ name }) => name)));
    expect(names(encodeLabelNames(stored, false))).toEqual(legacy);
    expect(names(encodeLabelNames(stored, true))).toEqual([...legacy.slice(0, 6), "k8s.zone", ...legacy.slice(6)]);
    expect(names(encodeLabelNames(new Set(), true))).toEqual([]);
  });

  it("list the distinct values of stored and of derived labels, sorted", () => {
    expect(values(encodeLabelValues(SERIES, "pod"))).toEqual(["p1", "p2"]);
    expect(values(encodeLabelValues(SERIES, "__type__"))).toEqual(["cpu", "off_cpu", "samples"]);
    expect(values(encodeLabelValues(SERIES, "nope"))).toEqual([]);
  });

  it("give each profile type once, by id", () => {
    const services = [
      { service: "a", kind: CPU, sampleTypes: [1] },
      { service: "b", kind: CPU, sampleTypes: [0, 1] },
      { service: "b", kind: OFF_CPU, sampleTypes: [0] },
    ];
    const types = fromBinary(ProfileTypesResponseSchema, encodeProfileTypes(services)).profileTypes;
    expect(types.map((type) => type.ID)).toEqual([
      "off_cpu:off_cpu:nanoseconds::",
      "process_cpu:cpu:nanoseconds:cpu:nanoseconds",
      "process_cpu:samples:count:cpu:nanoseconds",
    ]);
    expect(types[2]).toMatchObject({
      name: "process_cpu",
      sampleType: "samples",
      sampleUnit: "count",
      periodType: "cpu",
      periodUnit: "nanoseconds",
    });
  });
});

describe("encodeSeries", () => {
  it("gives distinct label sets cut to the names asked for, sorted", () => {
    expect(sets(encodeSeries(SERIES, ["service_name", "__profile_type__"], false))).toEqual([
      "__profile_type__=off_cpu:off_cpu:nanoseconds:: service_name=b",
      "__profile_type__=process_cpu:cpu:nanoseconds:cpu:nanoseconds service_name=a",
      "__profile_type__=process_cpu:samples:count:cpu:nanoseconds service_name=a",
    ]);
    expect(sets(encodeSeries(SERIES, ["pod"], false))).toEqual(["pod=p1", "pod=p2"]);
    expect(sets(encodeSeries(SERIES, ["pyroscope_app", "service_name"], false))).toEqual(["service_name=a", "service_name=b"]);
  });

  it("gives whole sets without names, in order of their names", () => {
    expect(sets(encodeSeries([SERIES[0] as SeriesOfKind], [], true))[0]).toBe(
      "__name__=process_cpu __period_type__=cpu __period_unit__=nanoseconds __profile_type__=process_cpu:cpu:nanoseconds:cpu:nanoseconds __type__=cpu __unit__=nanoseconds k8s.zone=z pod=p1 service_name=a",
    );
    expect(sets(encodeSeries([SERIES[0] as SeriesOfKind], [], false))[0]).not.toContain("k8s.zone");
  });

  it("answers from the catalog what it answers from series", () => {
    const services = [
      { service: "a", kind: CPU, sampleTypes: [0, 1] },
      { service: "b", kind: OFF_CPU, sampleTypes: [0] },
    ];
    const asked = ["service_name", "__profile_type__", "__name__", "__type__"];
    expect(sets(encodeSeries(seriesOfServices(services), asked, false))).toEqual(sets(encodeSeries(SERIES, asked, false)));
  });
});

import { seededRandom } from "../../base/random.ts";
import type { TenantId } from "../../base/units.ts";
import { type Label, type LabelSet, sortLabels } from "../labels.ts";
import type { ProfileKind } from "../profile-type.ts";
import type { QueuedProfile } from "../queued-profile.ts";

/** What a test says about a profile; everything but the stacks has a default. */
export type TestProfile = {
  readonly tenant?: string;
  readonly service?: string;
  readonly kind?: ProfileKind;
  readonly timeMs?: number;
  readonly timeNs?: bigint;
  readonly durationNs?: bigint;
  readonly period?: number;
  /** Seed of the profile id. */
  readonly idSeed?: number;
  /** Labels beside `__name__`, `__service_name__` and `service_name`. */
  readonly labels?: Readonly<Record<string, string>>;
  /**
   * One sample a line: frames root first, joined by `;`, then one value per sample type, then any of
   * `span=<16 hex>`, `trace=<32 hex>` and `name=value` labels that split the profile into series.
   * A frame `name@0x1f` is a location with an address and no lines; `outer|inner` is one location with an inlined call.
   */
  readonly stacks: string | readonly string[];
};

export const CPU_KIND: ProfileKind = {
  name: "process_cpu",
  periodType: { type: "cpu", unit: "nanoseconds" },
  sampleTypes: [{ type: "cpu", unit: "nanoseconds" }],
};

export const MEMORY_KIND: ProfileKind = {
  name: "memory",
  periodType: { type: "space", unit: "bytes" },
  sampleTypes: [
    { type: "alloc_objects", unit: "count" },
    { type: "alloc_space", unit: "bytes" },
  ],
};

/**
 * A queued profile from text, for tests: `testQueuedProfile({ stacks: ["a;b;c 3", "a;b 1 span=0011223344556677"] })`.
 * Equal samples are not merged: write each stack once per label set.
 */
export function testQueuedProfile(spec: TestProfile): QueuedProfile {
  const kind = spec.kind ?? CPU_KIND;
  const service = spec.service ?? "shop";
  const width = kind.sampleTypes.length;
  const strings = new Interner();
  strings.of("");
  const binary = strings.of("/bin/app");
  const functions = new Interner();
  const functionNames: number[] = [];
  const locations = new Interner();
  const locationMapping: number[] = [];
  const addresses: number[] = [];
  const lineEnds: number[] = [];
  const lineFunctions: number[] = [];
  const nodes = new Interner();
  const nodeParents: number[] = [];
  const nodeLocations: number[] = [];
  const series = new Map<string, number>();
  const seriesLabels: LabelSet[] = [];
  const rows: { series: number; stack: number; values: number[]; span: string; trace: string }[] = [];
  let mapped = false;

  const functionOf = (name: string): number => {
    const index = functions.of(name);
    if (index === functionNames.length) functionNames.push(strings.of(name));
    return index;
  };
  const locationOf = (frame: string): number => {
    const index = locations.of(frame);
    if (index < lineEnds.length) return index;
    const [names = "", address] = frame.split("@");
    if (address === undefined) {
      for (const name of names.split("|").reverse()) lineFunctions.push(functionOf(name) + 1);
    } else {
      mapped = true;
    }
    locationMapping.push(address === undefined ? 0 : 1);
    addresses.push(address === undefined ? 0 : Number(address));
    lineEnds.push(lineFunctions.length);
    return index;
  };

  const texts = typeof spec.stacks === "string" ? spec.stacks.split("\n") : spec.stacks;
  for (const text of texts.map((line) => line.trim()).filter((line) => line !== "")) {
    const [frames = "", ...rest] = text.split(/\s+/);
    const values = rest.slice(0, width).map(Number);
    if (values.length !== width || values.some(Number.isNaN)) throw new Error(`test profile: ${width} values expected in "${text}"`);
    const extra = rest.slice(width).map((pair): Label => {
      const at = pair.indexOf("=");
      return { name: pair.slice(0, at), value: pair.slice(at + 1) };
    });
    const splitting = extra.filter(({ name }) => name !== "span" && name !== "trace");
    const key = JSON.stringify(splitting);
    if (!series.has(key)) {
      series.set(key, seriesLabels.length);
      seriesLabels.push(
        sortLabels([
          { name: "__name__", value: kind.name },
          { name: "__service_name__", value: service },
          { name: "service_name", value: service },
          ...Object.entries(spec.labels ?? {}).map(([name, value]) => ({ name, value })),
          ...splitting,
        ]),
      );
    }
    let stack = 0;
    for (const frame of frames.split(";")) {
      const location = locationOf(frame);
      const node = nodes.of(`${stack}/${location}`);
      if (node === nodeParents.length) {
        nodeParents.push(stack);
        nodeLocations.push(location);
      }
      stack = node + 1;
    }
    rows.push({
      series: series.get(key) as number,
      stack,
      values,
      span: extra.find(({ name }) => name === "span")?.value ?? "",
      trace: extra.find(({ name }) => name === "trace")?.value ?? "",
    });
  }

  const { bytes, ends } = strings.table();
  const zeros = (length: number): Uint32Array => new Uint32Array(length);
  const mapping = (value: number): Uint32Array => (mapped ? Uint32Array.of(value) : zeros(0));
  return {
    tenant: (spec.tenant ?? "anonymous") as TenantId,
    service,
    kind,
    id: seededRandom(spec.idSeed ?? 1).fill(new Uint8Array(16)),
    timeNs: spec.timeNs ?? BigInt(spec.timeMs ?? 1_700_000_000_000) * 1_000_000n,
    durationNs: spec.durationNs ?? 10_000_000_000n,
    period: spec.period ?? 10_000_000,
    series: seriesLabels,
    strings: { bytes, ends },
    mappings: {
      fileName: mapping(binary),
      buildId: mapping(0),
      startLo: mapping(0),
      startHi: mapping(0),
      limitLo: mapping(0xffffffff),
      limitHi: mapping(0),
      offsetLo: mapping(0),
      offsetHi: mapping(0),
      flags: mapping(0),
    },
    functions: {
      name: Uint32Array.from(functionNames),
      systemName: Uint32Array.from(functionNames),
      fileName: zeros(functionNames.length),
      startLine: zeros(functionNames.length),
    },
    locations: {
      mapping: Uint32Array.from(locationMapping),
      addressLo: Uint32Array.from(addresses),
      addressHi: zeros(addresses.length),
      lineEnds: Uint32Array.from(lineEnds),
    },
    lines: { function: Uint32Array.from(lineFunctions), number: zeros(lineFunctions.length) },
    nodes: { parent: Uint32Array.from(nodeParents), location: Uint32Array.from(nodeLocations) },
    samples: {
      count: rows.length,
      series: Uint32Array.from(rows, (row) => row.series),
      stack: Uint32Array.from(rows, (row) => row.stack),
      values: Float64Array.from(rows.flatMap((row) => row.values)),
      spans: rows.some((row) => row.span !== "") ? hexWords(rows.map((row) => row.span.padEnd(16, "0"))) : undefined,
      traces: rows.some((row) => row.trace !== "") ? hexWords(rows.map((row) => row.trace.padEnd(32, "0"))) : undefined,
    },
  };
}

/** The samples of a profile as sorted text, in the form that {@link testQueuedProfile} takes: what tests compare. */
export function queuedProfileText(profile: QueuedProfile): string[] {
  const { strings, functions, locations, lines, nodes, samples } = profile;
  const width = profile.kind.sampleTypes.length;
  const text = (index: number): string =>
    Buffer.from(strings.bytes.subarray(index === 0 ? 0 : strings.ends[index - 1], strings.ends[index])).toString("utf8");
  const frame = (location: number): string => {
    const names: string[] = [];
    for (
      let line = location === 0 ? 0 : (locations.lineEnds[location - 1] as number);
      line < (locations.lineEnds[location] as number);
      line++
    ) {
      const fn = lines.function[line] as number;
      names.push(fn === 0 ? "" : text(functions.name[fn - 1] as number));
    }
    if (names.length > 0) return names.reverse().join("|");
    const address = (locations.addressHi[location] as number) * 2 ** 32 + (locations.addressLo[location] as number);
    return `@0x${address.toString(16)}`;
  };
  const out: string[] = [];
  for (let sample = 0; sample < samples.count; sample++) {
    const frames: string[] = [];
    for (let node = samples.stack[sample] as number; node > 0; node = nodes.parent[node - 1] as number) {
      frames.push(frame(nodes.location[node - 1] as number));
    }
    const span = wordsHex(samples.spans, sample, 2);
    const trace = wordsHex(samples.traces, sample, 4);
    out.push(
      [
        frames.reverse().join(";"),
        ...samples.values.slice(sample * width, (sample + 1) * width),
        ...(/^0*$/.test(span) ? [] : [`span=${span}`]),
        ...(/^0*$/.test(trace) ? [] : [`trace=${trace}`]),
        ...(profile.series[samples.series[sample] as number] ?? [])
          .filter(({ name }) => !["__name__", "__service_name__", "service_name"].includes(name))
          .map(({ name, value }) => `${name}=${value}`),
      ].join(" "),
    );
  }
  return out.sort();
}

function hexWords(texts: string[]): Uint32Array {
  const bytes = Uint8Array.from(Buffer.from(texts.join(""), "hex"));
  return new Uint32Array(bytes.buffer);
}

function wordsHex(words: Uint32Array | undefined, row: number, width: number): string {
  if (words === undefined) return "";
  return Buffer.from(Uint32Array.from(words.subarray(row * width, (row + 1) * width)).buffer).toString("hex");
}

class Interner {
  readonly #indexes = new Map<string, number>();

  of(text: string): number {
    const known = this.#indexes.get(text);
    if (known !== undefined) return known;
    this.#indexes.set(text, this.#indexes.size);
    return this.#indexes.size - 1;
  }

  table(): { bytes: Uint8Array; ends: Uint32Array } {
    const parts = [...this.#indexes.keys()].map((text) => Buffer.from(text));
    let end = 0;
    return { bytes: Uint8Array.from(Buffer.concat(parts)), ends: Uint32Array.from(parts, (part) => (end += part.length)) };
  }
}

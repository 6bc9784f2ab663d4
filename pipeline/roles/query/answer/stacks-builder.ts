import type { MergedStacks } from "../merged-stacks.ts";

/** Collects changed stacks over the symbols of others: equal stacks are summed, new locations go behind the known ones. */
export class StacksBuilder {
  readonly #base: MergedStacks;
  readonly #stacks = new Map<string, { readonly locations: ArrayLike<number>; value: number }>();
  readonly #strings: string[] = [];
  readonly #functionNames: number[] = [];
  readonly #locations: { readonly mapping: number; readonly functions: readonly number[] }[] = [];
  readonly #locationByKey = new Map<string, number>();

  constructor(base: MergedStacks) {
    this.#base = base;
  }

  /** Locations leaf first. */
  add(locations: ArrayLike<number>, value: number): void {
    const key = Array.prototype.join.call(locations, ",");
    const known = this.#stacks.get(key);
    if (known === undefined) this.#stacks.set(key, { locations, value });
    else known.value += value;
  }

  /** A location of a made-up function. */
  locationNamed(name: string): number {
    return this.#location(`=${name}`, () => {
      this.#strings.push(name);
      this.#functionNames.push(this.#base.strings.ends.length + this.#strings.length - 1);
      return { mapping: 0, functions: [this.#base.functions.name.length + this.#functionNames.length] };
    });
  }

  /** The functions of a location without line numbers and address. */
  locationWithoutLines(location: number): number {
    const { locations, lines } = this.#base;
    const start = location === 0 ? 0 : (locations.lineEnds[location - 1] as number);
    const functions = [...lines.function.subarray(start, locations.lineEnds[location])];
    if (functions.length === 0) return location;
    const mapping = locations.mapping[location] as number;
    return this.#location(`${mapping}:${functions.join(",")}`, () => ({ mapping, functions }));
  }

  finish(): MergedStacks {
    const base = this.#base;
    const added = this.#locations;
    const addedLines = added.flatMap((location) => location.functions);
    const stacks = [...this.#stacks.values()];
    const stackEnds = new Uint32Array(stacks.length);
    let end = 0;
    stacks.forEach((stack, i) => {
      end += stack.locations.length;
      stackEnds[i] = end;
    });
    const stackLocations = new Uint32Array(end);
    stacks.forEach((stack, i) => stackLocations.set(Array.from(stack.locations), i === 0 ? 0 : (stackEnds[i - 1] as number)));
    let lineEnd = base.lines.function.length;
    const zeros = (count: number): number[] => new Array<number>(count).fill(0);
    return {
      mappings: base.mappings,
      strings: appendStrings(base.strings, this.#strings),
      functions: {
        name: extend(base.functions.name, this.#functionNames),
        systemName: extend(base.functions.systemName, this.#functionNames),
        fileName: extend(base.functions.fileName, zeros(this.#functionNames.length)),
        startLine: extend(base.functions.startLine, zeros(this.#functionNames.length)),
      },
      locations: {
        mapping: extend(
          base.locations.mapping,
          added.map((location) => location.mapping),
        ),
        addressLo: extend(base.locations.addressLo, zeros(added.length)),
        addressHi: extend(base.locations.addressHi, zeros(added.length)),
        lineEnds: extend(
          base.locations.lineEnds,
          added.map((location) => (lineEnd += location.functions.length)),
        ),
      },
      lines: { function: extend(base.lines.function, addedLines), number: extend(base.lines.number, zeros(addedLines.length)) },
      stackLocations,
      stackEnds,
      values: Float64Array.from(stacks, (stack) => stack.value),
    };
  }

  #location(key: string, make: () => { readonly mapping: number; readonly functions: readonly number[] }): number {
    let location = this.#locationByKey.get(key);
    if (location === undefined) {
      location = this.#base.locations.mapping.length + this.#locations.length;
      this.#locations.push(make());
      this.#locationByKey.set(key, location);
    }
    return location;
  }
}

function extend(values: Uint32Array, more: readonly number[]): Uint32Array {
  if (more.length === 0) return values;
  const extended = new Uint32Array(values.length + more.length);
  extended.set(values);
  extended.set(more, values.length);
  return extended;
}

function appendStrings(strings: MergedStacks["strings"], more: readonly string[]): MergedStacks["strings"] {
  if (more.length === 0) return strings;
  let end = strings.ends[strings.ends.length - 1] ?? 0;
  const bytes = Buffer.concat([strings.bytes.subarray(0, end), ...more.map((text) => Buffer.from(text))]);
  const ends = extend(
    strings.ends,
    more.map((text) => (end += Buffer.byteLength(text))),
  );
  return { bytes, ends };
}

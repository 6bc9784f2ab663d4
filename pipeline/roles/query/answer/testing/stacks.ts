import type { MergedStacks } from "../../merged-stacks.ts";

/** A stack of a test, leaf first: `name:line` per location, inlined functions of one location joined by `<`, innermost first; `0x1f` is a bare address. */
export type TestStack = { readonly locations: readonly string[]; readonly value: number };

export function stacksOf(list: readonly TestStack[], binary = "/usr/bin/app"): MergedStacks {
  const strings = [""];
  const intern = (text: string): number => (strings.includes(text) ? strings.indexOf(text) : strings.push(text) - 1);
  const functionNames: string[] = [];
  const locations: string[] = [];
  const lines = { function: [] as number[], number: [] as number[] };
  const lineEnds: number[] = [];
  const addresses: number[] = [];
  const locationOf = (text: string): number => {
    if (locations.includes(text)) return locations.indexOf(text);
    addresses.push(text.startsWith("0x") ? Number(text) : 0);
    for (const frame of text.startsWith("0x") ? [] : text.split("<")) {
      const at = frame.lastIndexOf(":");
      const [name, line] = at < 0 ? [frame, "0"] : [frame.slice(0, at), frame.slice(at + 1)];
      if (!functionNames.includes(name)) functionNames.push(name);
      lines.function.push(functionNames.indexOf(name) + 1);
      lines.number.push(Number(line));
    }
    lineEnds.push(lines.function.length);
    return locations.push(text) - 1;
  };
  const stackLocations: number[] = [];
  const stackEnds: number[] = [];
  for (const stack of list) {
    stackLocations.push(...stack.locations.map(locationOf));
    stackEnds.push(stackLocations.length);
  }
  const names = functionNames.map(intern);
  const files = functionNames.map((name) => intern(`/src/${name}.go`));
  const mapping = [intern(binary), intern("build-1")] as const;
  const bytes = strings.map((text) => Buffer.from(text));
  let end = 0;
  const one = (value: number): Uint32Array => Uint32Array.of(value);
  return {
    strings: { bytes: Buffer.concat(bytes), ends: Uint32Array.from(bytes, (part) => (end += part.length)) },
    mappings: {
      fileName: one(mapping[0]),
      buildId: one(mapping[1]),
      startLo: one(0x400000),
      startHi: one(0),
      limitLo: one(0),
      limitHi: one(1),
      offsetLo: one(0),
      offsetHi: one(0),
      flags: one(1),
    },
    functions: {
      name: Uint32Array.from(names),
      systemName: Uint32Array.from(names),
      fileName: Uint32Array.from(files),
      startLine: Uint32Array.from(names, () => 3),
    },
    locations: {
      mapping: Uint32Array.from(locations, () => 1),
      addressLo: Uint32Array.from(addresses),
      addressHi: new Uint32Array(addresses.length),
      lineEnds: Uint32Array.from(lineEnds),
    },
    lines: { function: Uint32Array.from(lines.function), number: Uint32Array.from(lines.number) },
    stackLocations: Uint32Array.from(stackLocations),
    stackEnds: Uint32Array.from(stackEnds),
    values: Float64Array.from(list, (stack) => stack.value),
  };
}

/** Stacks as text, leaf first, in no special order: the way back from {@link stacksOf}. */
export function textOf(stacks: MergedStacks): string[] {
  const text = (index: number): string =>
    Buffer.from(stacks.strings.bytes.subarray(index === 0 ? 0 : stacks.strings.ends[index - 1], stacks.strings.ends[index])).toString();
  const location = (index: number): string => {
    const frames: string[] = [];
    for (
      let line = index === 0 ? 0 : (stacks.locations.lineEnds[index - 1] as number);
      line < (stacks.locations.lineEnds[index] as number);
      line++
    ) {
      const name = text(stacks.functions.name[(stacks.lines.function[line] as number) - 1] as number);
      frames.push(stacks.lines.number[line] === 0 ? name : `${name}:${stacks.lines.number[line]}`);
    }
    return frames.length === 0 ? `0x${(stacks.locations.addressLo[index] as number).toString(16)}` : frames.join("<");
  };
  return Array.from(stacks.values, (value, stack) => {
    const start = stack === 0 ? 0 : (stacks.stackEnds[stack - 1] as number);
    return `${Array.from(stacks.stackLocations.subarray(start, stacks.stackEnds[stack]), location).join(" ")} ${value}`;
  });
}

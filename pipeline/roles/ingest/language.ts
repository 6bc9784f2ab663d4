import type { StringTable } from "../../profile/decoded-profile.ts";

/** Symbols that begin or end like this tell the language; the first symbol that does decides. */
const PATTERNS: readonly (readonly [language: string, pattern: string])[] = [
  ["go", ".go"],
  ["go", "/usr/local/go/"],
  ["java", "java/"],
  ["java", "sun/"],
  ["ruby", ".rb"],
  ["ruby", "gems/"],
  ["nodejs", "./node_modules/"],
  ["nodejs", ".js"],
  ["dotnet", "System."],
  ["dotnet", "Microsoft."],
  ["python", ".py"],
  ["rust", "main.rs"],
  ["rust", "core.rs"],
];

const SPIES: Readonly<Record<string, string>> = {
  gospy: "go",
  javaspy: "java",
  rbspy: "ruby",
  nodespy: "nodejs",
  dotnetspy: "dotnet",
  pyspy: "python",
  "pyroscope-rs": "rust",
};

/** Bit 1: a pattern begins with this byte; bit 2: one ends with it. */
const BYTE_MARKS = new Uint8Array(256);
for (const [, pattern] of PATTERNS) {
  const first = pattern.charCodeAt(0);
  const last = pattern.charCodeAt(pattern.length - 1);
  BYTE_MARKS[first] = (BYTE_MARKS[first] as number) | 1;
  BYTE_MARKS[last] = (BYTE_MARKS[last] as number) | 2;
}

/**
 * Guesses the language a profile comes from, "unknown" when nothing tells: the name of the spy first, then its symbols. Only Go
 * profiles are repaired by it, so a wrong guess costs little.
 *
 * Source: the same symbols as Pyroscope's distributor.
 */
export function guessLanguage(strings: StringTable, spyName: string): string {
  const spied = SPIES[spyName];
  if (spied !== undefined) return spied;
  const { bytes, starts, lengths, count } = strings;
  for (let string = 0; string < count; string++) {
    const length = lengths[string] as number;
    if (length < 3) continue;
    const start = starts[string] as number;
    const begins = (BYTE_MARKS[bytes[start] as number] as number) & 1;
    const ends = (BYTE_MARKS[bytes[start + length - 1] as number] as number) & 2;
    if (begins === 0 && ends === 0) continue;
    for (const [language, pattern] of PATTERNS) {
      if (hasAt(bytes, start, length, pattern) || hasAt(bytes, start + length - pattern.length, length, pattern)) return language;
    }
  }
  return "unknown";
}

function hasAt(bytes: Uint8Array, at: number, length: number, pattern: string): boolean {
  if (pattern.length > length) return false;
  for (let index = 0; index < pattern.length; index++) if (bytes[at + index] !== pattern.charCodeAt(index)) return false;
  return true;
}

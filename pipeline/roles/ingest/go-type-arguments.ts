import type { StringTable } from "../../profile/decoded-profile.ts";

const SHAPE = Buffer.from("[go.shape.");
const OPEN = 0x5b;
const CLOSE = 0x5d;

/** Strings of a profile that got another text. */
export type RewrittenStrings = {
  /** The new text of each rewritten string, by its index. */
  readonly texts: ReadonlyMap<number, Uint8Array>;
  /** For every string the index that stands for its text: equal rewritten texts share one. */
  readonly canonical: Uint32Array;
};

/**
 * Removes the type arguments that the Go compiler puts into names of generic functions: `Map[go.shape.int,go.shape.string].Get`
 * becomes `Map.Get`. Which instance a sample shows is arbitrary (several share code), so leaving them in spreads one function over
 * many names. Gives undefined when no string has any.
 *
 * Source: https://github.com/golang/go/issues/64528.
 */
export function dropGoTypeArguments(strings: StringTable): RewrittenStrings | undefined {
  const bytes = Buffer.from(strings.bytes.buffer, strings.bytes.byteOffset, strings.bytes.byteLength);
  // The first hit at or after `searchedFrom`: strings mostly lie in the order of their bytes, so that one search serves many.
  let searchedFrom = strings.starts[0] ?? 0;
  let found = bytes.indexOf(SHAPE, searchedFrom);
  if (found === -1) return undefined;
  const texts = new Map<number, Uint8Array>();
  const canonical = new Uint32Array(strings.count);
  const byText = new Map<string, number>();
  for (let string = 0; string < strings.count; string++) {
    canonical[string] = string;
    const start = strings.starts[string] as number;
    const end = start + (strings.lengths[string] as number);
    if (found !== -1 && found < start) {
      found = bytes.indexOf(SHAPE, start);
      searchedFrom = start;
    }
    if (start >= searchedFrom && (found === -1 || found >= end)) continue;
    const text = withoutShapes(bytes.subarray(start, end));
    if (text === undefined) continue;
    texts.set(string, text);
    const key = Buffer.from(text.buffer, text.byteOffset, text.byteLength).toString("latin1");
    const first = byText.get(key);
    if (first === undefined) byText.set(key, string);
    else canonical[string] = first;
  }
  return texts.size === 0 ? undefined : { texts, canonical };
}

function withoutShapes(text: Buffer): Uint8Array | undefined {
  let shape = text.indexOf(SHAPE);
  if (shape === -1) return undefined;
  const out = new Uint8Array(text.length);
  let length = 0;
  let from = 0;
  while (shape !== -1) {
    const close = closingBracket(text, shape);
    if (close === -1) break;
    out.set(text.subarray(from, shape), length);
    length += shape - from;
    from = close + 1;
    shape = text.indexOf(SHAPE, from);
  }
  if (from === 0) return undefined;
  out.set(text.subarray(from), length);
  return out.subarray(0, length + text.length - from);
}

function closingBracket(text: Uint8Array, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === OPEN) depth++;
    else if (text[at] === CLOSE && --depth === 0) return at;
  }
  return -1;
}

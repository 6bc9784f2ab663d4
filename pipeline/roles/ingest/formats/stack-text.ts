import { malformed } from "../../../profile/wire-cursor.ts";

/** A stack as text, frames root first and joined by `;`, and how often it was seen. */
export type TextStack = { readonly stack: string; readonly count: number };

/** Folded stacks, `a;b;c 12` a line. Lines without a space are read over. Errors: `malformed_profile`. */
export function* foldedStacks(body: Uint8Array): Iterable<TextStack> {
  let lineNumber = 0;
  for (const line of textLines(body)) {
    lineNumber++;
    const space = line.lastIndexOf(" ");
    if (space === -1) continue;
    const count = Number(line.slice(space + 1));
    if (!/^[+-]?\d+$/.test(line.slice(space + 1)) || !Number.isSafeInteger(count)) {
      throw malformed(
        `has ${JSON.stringify(line.slice(space + 1, space + 33))} in line ${lineNumber}, where a whole number is expected after the stack`,
      );
    }
    yield { stack: line.slice(0, space), count };
  }
}

/** One stack a line, seen once. */
export function* lineStacks(body: Uint8Array): Iterable<TextStack> {
  for (const line of textLines(body)) if (line !== "") yield { stack: line, count: 1 };
}

function* textLines(body: Uint8Array): Iterable<string> {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8");
  if (text.includes("�") && !Buffer.from(text).equals(body)) throw malformed("is text that is not valid UTF-8");
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf("\n", start);
    const end = newline === -1 ? text.length : newline;
    yield text.slice(start, text[end - 1] === "\r" ? end - 1 : end);
    start = end + 1;
  }
}

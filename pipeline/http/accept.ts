import { CodedError, FaultKind } from "../base/errors.ts";

/** A media range with its parameters, names in lower case. */
export type MediaRange = { readonly type: string; readonly parameters: ReadonlyMap<string, string> };

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const TYPE = new RegExp(`\\s*(${TOKEN})(?:/(${TOKEN}))?\\s*`, "y");
const PARAMETER = new RegExp(`;\\s*(?:(${TOKEN})\\s*=\\s*(?:(${TOKEN})|"((?:[^"\\\\]|\\\\.)*)")\\s*)?`, "y");

/**
 * The media ranges of an Accept header, in the order given.
 *
 * Errors: `accept_malformed` (invalid): a client that cannot spell the header would silently lose what it asks for.
 */
export function parseAccept(header: string): readonly MediaRange[] {
  const ranges: MediaRange[] = [];
  let at = 0;
  while (at < header.length) {
    TYPE.lastIndex = at;
    const type = TYPE.exec(header);
    if (type === null) throw malformed(header, at);
    at = TYPE.lastIndex;
    const parameters = new Map<string, string>();
    while (header[at] === ";") {
      PARAMETER.lastIndex = at;
      const parameter = PARAMETER.exec(header);
      if (parameter === null) throw malformed(header, at);
      at = PARAMETER.lastIndex;
      const [, name, token, quoted] = parameter;
      if (name !== undefined) parameters.set(name.toLowerCase(), token ?? (quoted as string).replaceAll(/\\(.)/g, "$1"));
    }
    ranges.push({ type: `${type[1]}/${type[2] ?? "*"}`.toLowerCase(), parameters });
    if (at === header.length) break;
    if (header[at] !== ",") throw malformed(header, at);
    at++;
  }
  return ranges;
}

/**
 * Whether a client can read label names beyond `[a-zA-Z_][a-zA-Z0-9_]*`: it says so by a parameter of any media range,
 * `Accept: *\/*; allow-utf8-labelnames=true`.
 */
export function acceptsUtf8LabelNames(accept: string | undefined): boolean {
  // What nearly every request sends, answered without a parse.
  if (accept === undefined || accept === "" || accept === "*/*") return false;
  return parseAccept(accept).some((range) => range.parameters.get("allow-utf8-labelnames") === "true");
}

function malformed(header: string, position: number): CodedError {
  return new CodedError(
    "accept_malformed",
    FaultKind.Invalid,
    `accept header is malformed at position ${position}: '${header.slice(0, 200)}'`,
  );
}

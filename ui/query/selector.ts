/** One condition on a label, as PromQL has it. */
export interface Matcher {
  readonly name: string;
  readonly op: MatchOp;
  readonly value: string;
}

export type MatchOp = "=" | "!=" | "=~" | "!~";

export type Parsed = { readonly ok: true; readonly matchers: readonly Matcher[] } | { readonly ok: false; readonly fault: string };

const BARE_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*/;

/** Reads `a="b", c=~"d"` with or without braces. Faults are sentences for the person typing. */
export function parseMatchers(text: string): Parsed {
  let rest = text.trim();
  if (rest.startsWith("{")) {
    if (!rest.endsWith("}")) return { ok: false, fault: "the closing } is missing" };
    rest = rest.slice(1, -1).trim();
  }
  const matchers: Matcher[] = [];
  while (rest !== "") {
    const name = readName(rest);
    if (name === undefined) return { ok: false, fault: `expected a label name at "${shorten(rest)}"` };
    rest = name.rest.trimStart();
    const op = /^(=~|!~|!=|=)/.exec(rest)?.[1] as MatchOp | undefined;
    if (op === undefined) return { ok: false, fault: `expected =, !=, =~ or !~ after ${name.value}` };
    rest = rest.slice(op.length).trimStart();
    const value = readQuoted(rest);
    if (value === undefined) return { ok: false, fault: `the value of ${name.value} must be in quotes` };
    rest = value.rest.trimStart();
    matchers.push({ name: name.value, op, value: value.value });
    if (rest === "") break;
    if (!rest.startsWith(",")) return { ok: false, fault: `expected a comma at "${shorten(rest)}"` };
    rest = rest.slice(1).trimStart();
  }
  return { ok: true, matchers };
}

/** `a="b",c=~"d"`: the spelling kept in the address. */
export function formatMatchers(matchers: readonly Matcher[]): string {
  return matchers.map(formatMatcher).join(",");
}

export function formatMatcher(matcher: Matcher): string {
  const name = BARE_NAME.exec(matcher.name)?.[0] === matcher.name ? matcher.name : quote(matcher.name);
  return `${name}${matcher.op}${quote(matcher.value)}`;
}

/** The selector a request carries: the service, if one is chosen, and the filter. */
export function selectorOf(service: string, matchers: readonly Matcher[]): string {
  const all: readonly Matcher[] = service === "" ? matchers : [{ name: "service_name", op: "=", value: service }, ...matchers];
  return `{${formatMatchers(all)}}`;
}

function readName(text: string): { value: string; rest: string } | undefined {
  if (text.startsWith('"')) return readQuoted(text);
  const bare = BARE_NAME.exec(text)?.[0];
  return bare === undefined ? undefined : { value: bare, rest: text.slice(bare.length) };
}

function readQuoted(text: string): { value: string; rest: string } | undefined {
  const mark = text[0];
  if (mark === "`") {
    const end = text.indexOf("`", 1);
    return end < 0 ? undefined : { value: text.slice(1, end), rest: text.slice(end + 1) };
  }
  if (mark !== '"' && mark !== "'") return undefined;
  let value = "";
  for (let i = 1; i < text.length; i++) {
    const char = text[i]!;
    if (char === mark) return { value, rest: text.slice(i + 1) };
    if (char !== "\\") {
      value += char;
      continue;
    }
    i++;
    const escaped = text[i];
    if (escaped === undefined) return undefined;
    value += ESCAPES[escaped] ?? escaped;
  }
  return undefined;
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };

function quote(value: string): string {
  return `"${value.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n").replaceAll("\t", "\\t").replaceAll("\r", "\\r")}"`;
}

function shorten(text: string): string {
  return text.length > 24 ? `${text.slice(0, 24)}…` : text;
}

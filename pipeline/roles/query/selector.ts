import { CodedError, FaultKind } from "../../base/errors.ts";
import { compileMatcher, type Matcher, type MatcherOp } from "./matcher.ts";

/** What a selector says: its matchers in order, and the name in front of the braces (or quoted alone inside) when there is one. */
export type ParsedSelector = { readonly metricName: string | undefined; readonly matchers: readonly Matcher[] };

/**
 * Reads a PromQL instant vector selector: `{a="b", c!~"d.*"}`, `name{…}`, `{"utf-8 name"="x"}`, `` {a=`raw`} ``.
 *
 * Old clients write the profile type as the metric name; {@link selectorMatchers} turns either form into matchers.
 * Errors: `selector_invalid` with the 1-based position; `selector_regex_invalid`.
 * Source: the grammar of Prometheus' expression language, "Instant vector selectors".
 */
export function parseSelector(text: string): ParsedSelector {
  const parser = new SelectorParser(text);
  const parsed = parser.parse();
  for (const matcher of parsed.matchers) if (matcher.op === "=~" || matcher.op === "!~") compileMatcher(matcher);
  return parsed;
}

/** All conditions of a selector. A metric name that is a whole profile type id means that profile type. */
export function selectorMatchers({ metricName, matchers }: ParsedSelector): readonly Matcher[] {
  if (metricName === undefined) return matchers;
  const isTypeId = metricName.split(":").length >= 5;
  return [{ name: isTypeId ? "__profile_type__" : "__name__", op: "=", value: metricName }, ...matchers];
}

class SelectorParser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): ParsedSelector {
    this.#skipSpace();
    let metricName = this.#name(/[A-Za-z_:][A-Za-z0-9_:]*/y);
    this.#skipSpace();
    const matchers: Matcher[] = [];
    if (this.#peek() === "{") {
      const quoted = this.#braces(matchers);
      if (quoted !== undefined && metricName !== undefined) throw this.#fault(`the metric name is set twice: ${metricName} and ${quoted}`);
      metricName ??= quoted;
    } else if (metricName === undefined) {
      throw this.#fault(
        this.#ended()
          ? 'unexpected end of input, expected a selector such as {service_name="x"}'
          : `unexpected ${this.#shown()}, expected {`,
      );
    }
    this.#skipSpace();
    if (!this.#ended()) throw this.#fault(`unexpected ${this.#shown()} after the selector`);
    return { metricName, matchers };
  }

  /** Reads `{…}` into matchers and gives the metric name when one stands there quoted. */
  #braces(matchers: Matcher[]): string | undefined {
    let metricName: string | undefined;
    this.#at++;
    for (;;) {
      this.#skipSpace();
      if (this.#take("}")) return metricName;
      const quoted = this.#isQuote();
      const name = quoted ? this.#string() : this.#name(/[A-Za-z_][A-Za-z0-9_]*/y);
      if (name === undefined) throw this.#unexpectedInBraces("a label name or }");
      this.#skipSpace();
      if (quoted && (this.#peek() === "," || this.#peek() === "}")) {
        if (metricName !== undefined) throw this.#fault(`the metric name is set twice: ${metricName} and ${name}`);
        metricName = name;
      } else {
        const op = this.#op();
        this.#skipSpace();
        if (!this.#isQuote()) throw this.#unexpectedInBraces("a quoted label value");
        matchers.push({ name, op, value: this.#string() });
        this.#skipSpace();
      }
      if (this.#take(",") || this.#peek() === "}") continue;
      throw this.#unexpectedInBraces(", or }");
    }
  }

  #op(): MatcherOp {
    for (const op of ["=~", "!~", "!=", "="] as const) if (this.#take(op)) return op;
    throw this.#unexpectedInBraces("=, !=, =~ or !~");
  }

  #string(): string {
    const quote = this.#text[this.#at];
    const opened = this.#at++;
    if (quote === "`") {
      const end = this.#text.indexOf("`", this.#at);
      if (end < 0) throw this.#fault("a raw string is not closed with `", opened);
      const value = this.#text.slice(this.#at, end);
      this.#at = end + 1;
      return value;
    }
    let value = "";
    for (;;) {
      const char = this.#text[this.#at];
      if (char === undefined || char === "\n") throw this.#fault(`a string is not closed with ${quote}`, opened);
      this.#at++;
      if (char === quote) return value;
      value += char === "\\" ? this.#escape() : char;
    }
  }

  /** The escapes of a Go string. `\xHH` and octal ones give bytes, which are read as UTF-8 together. */
  #escape(): string {
    const start = this.#at - 1;
    const simple = SIMPLE_ESCAPES[this.#text[this.#at] ?? ""];
    if (simple !== undefined) {
      this.#at++;
      return simple;
    }
    const unicode = this.#name(/u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}/y);
    if (unicode !== undefined) {
      const code = Number.parseInt(unicode.slice(1), 16);
      if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) throw this.#fault("an escape is no Unicode character", start);
      return String.fromCodePoint(code);
    }
    this.#at--;
    const bytes: number[] = [];
    for (let part = this.#name(BYTE_ESCAPE); part !== undefined; part = this.#name(BYTE_ESCAPE)) {
      const code = part[1] === "x" ? Number.parseInt(part.slice(2), 16) : Number.parseInt(part.slice(1), 8);
      if (code > 255) throw this.#fault("an octal escape is above 255", start);
      bytes.push(code);
    }
    if (bytes.length === 0) throw this.#fault("unknown escape sequence", start);
    return Buffer.from(bytes).toString("utf8");
  }

  #name(sticky: RegExp): string | undefined {
    sticky.lastIndex = this.#at;
    const match = sticky.exec(this.#text)?.[0];
    if (match === undefined || match === "") return undefined;
    this.#at += match.length;
    return match;
  }

  #skipSpace(): void {
    while (" \t\r\n".includes(this.#text[this.#at] ?? "x")) this.#at++;
  }

  #take(token: string): boolean {
    if (!this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  #peek(): string | undefined {
    return this.#text[this.#at];
  }

  #isQuote(): boolean {
    const char = this.#peek();
    return char === '"' || char === "'" || char === "`";
  }

  #ended(): boolean {
    return this.#at >= this.#text.length;
  }

  #shown(): string {
    return JSON.stringify(this.#text.slice(this.#at, this.#at + 10));
  }

  #unexpectedInBraces(expected: string): CodedError {
    return this.#fault(
      this.#ended()
        ? `unexpected end of input inside braces, expected ${expected}`
        : `unexpected ${this.#shown()} inside braces, expected ${expected}`,
    );
  }

  #fault(what: string, at: number = this.#at): CodedError {
    return new CodedError(
      "selector_invalid",
      FaultKind.Invalid,
      `parsing label selector ${JSON.stringify(this.#text)}: 1:${at + 1}: ${what}`,
      {
        facts: { position: at + 1 },
      },
    );
  }
}

const BYTE_ESCAPE = /\\x[0-9A-Fa-f]{2}|\\[0-7]{3}/y;

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
};

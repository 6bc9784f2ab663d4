import { RE2JS } from "re2js";
import { CodedError, FaultKind } from "../../base/errors.ts";

/** How a label value is compared: equal, not equal, matches, does not match. */
export const MatcherOp = { Equal: "=", NotEqual: "!=", Match: "=~", NotMatch: "!~" } as const;
export type MatcherOp = (typeof MatcherOp)[keyof typeof MatcherOp];

/** One condition of a label selector, as plain data: it travels to the query thread and is compiled there. */
export type Matcher = { readonly name: string; readonly op: MatcherOp; readonly value: string };

/** A matcher ready to be asked. A label that is missing has the value "", as in Prometheus. */
export type CompiledMatcher = {
  readonly name: string;
  readonly matches: (value: string) => boolean;
  /** The values that match, where they can be listed: lets a reader look up instead of scan. */
  readonly literals: readonly string[] | undefined;
};

/**
 * Turns a matcher into a predicate over label values.
 *
 * Regular expressions are RE2 and anchored at both ends. The common shapes (a literal, alternatives of literals, a literal
 * followed by `.*`, `.*`, `.+`) are answered by string comparison; the rest by a linear-time automaton, so no expression can stall a query.
 * Errors: `selector_regex_invalid`.
 */
export function compileMatcher({ name, op, value }: Matcher): CompiledMatcher {
  switch (op) {
    case "=":
      return { name, matches: (text) => text === value, literals: [value] };
    case "!=":
      return { name, matches: (text) => text !== value, literals: undefined };
    case "=~": {
      const literals = alternativesOfLiterals(value);
      return { name, matches: compileAnchored(value, literals), literals };
    }
    case "!~": {
      const matches = compileAnchored(value, alternativesOfLiterals(value));
      return { name, matches: (text) => !matches(text), literals: undefined };
    }
  }
}

export function compileMatchers(matchers: readonly Matcher[]): readonly CompiledMatcher[] {
  return matchers.map(compileMatcher);
}

/** Whether all matchers agree, given a way to look up a label ("" or undefined when missing). */
export function matchesAll(matchers: readonly CompiledMatcher[], valueOf: (name: string) => string | undefined): boolean {
  for (const matcher of matchers) if (!matcher.matches(valueOf(matcher.name) ?? "")) return false;
  return true;
}

/** An RE2 expression searched anywhere in the text: frame filters. Errors: `selector_regex_invalid`. */
export function compileSearchRegex(pattern: string): (text: string) => boolean {
  const compiled = compileRe2(pattern, 0);
  return (text) => compiled.matcher(text).find();
}

function compileAnchored(pattern: string, literals: readonly string[] | undefined): (text: string) => boolean {
  if (literals !== undefined) {
    if (literals.length === 1) return (text) => text === literals[0];
    const set = new Set(literals);
    return (text) => set.has(text);
  }
  // `.` matches a newline too, as in Prometheus.
  if (pattern === ".*") return () => true;
  if (pattern === ".+") return (text) => text !== "";
  const prefix = /^([A-Za-z0-9_/:@ -]+)\.([*+])$/.exec(pattern);
  if (prefix !== null) {
    const literal = prefix[1] ?? "";
    const length = literal.length + (prefix[2] === "+" ? 1 : 0);
    return (text) => text.length >= length && text.startsWith(literal);
  }
  const compiled = compileRe2(pattern, RE2JS.DOTALL);
  return (text) => compiled.matches(text);
}

function compileRe2(pattern: string, flags: number): RE2JS {
  try {
    return RE2JS.compile(pattern, flags);
  } catch (cause) {
    throw new CodedError(
      "selector_regex_invalid",
      FaultKind.Invalid,
      `the regular expression ${JSON.stringify(pattern)} is not RE2: ${reason(cause)}`,
      { cause },
    );
  }
}

/** `a|b|c` without any metacharacter; also `` (only the empty value) and `(a|b)` as Grafana's multi-value variables write it. */
function alternativesOfLiterals(pattern: string): readonly string[] | undefined {
  const inner = /^\(([^()]*)\)$/.exec(pattern)?.[1] ?? pattern;
  const literals: string[] = [];
  for (const part of inner.split("|")) {
    const literal = unescapeLiteral(part);
    if (literal === undefined) return undefined;
    literals.push(literal);
  }
  return literals;
}

/** The text a part without metacharacters stands for; escaped punctuation (`\.`) counts as itself. */
function unescapeLiteral(part: string): string | undefined {
  if (!/[\\^$.*+?()[\]{}]/.test(part)) return part;
  if (!/^(?:[^\\^$.*+?()[\]{}]|\\[^A-Za-z0-9])*$/s.test(part)) return undefined;
  return part.replace(/\\(.)/gs, "$1");
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

import type { Matcher, MatchOp } from "./selector.ts";

/** A condition half typed: what the next key press adds to. */
export type Draft =
  | { readonly kind: "name"; readonly text: string }
  | { readonly kind: "op"; readonly name: string; readonly text: string }
  | { readonly kind: "value"; readonly name: string; readonly op: MatchOp; readonly value: string };

/** Reads `nam`, `name `, `name=`, `name=~val`; quotes around the value are optional here, unlike in a selector. */
export function readDraft(text: string): Draft {
  const typed = text.trimStart();
  const whole = /^(?:"([^"]*)"|([^\s=!~"]+))\s*(=~|!~|!=|=)\s*(.*)$/s.exec(typed);
  if (whole !== null) return { kind: "value", name: whole[1] ?? whole[2] ?? "", op: whole[3] as MatchOp, value: unquote(whole[4] ?? "") };
  const named = /^([^\s=!~"]+)(\s+|!)(.*)$/s.exec(typed);
  if (named !== null) return { kind: "op", name: named[1]!, text: named[2]!.trim() + named[3]! };
  return { kind: "name", text: typed };
}

const OPS: readonly MatchOp[] = ["=", "!=", "=~", "!~"];
/** More would only be scrolled past; typing narrows them. */
const SUGGESTIONS_MAX = 50;

/** What to offer: those that start with the text first, then those that contain it. */
export function suggest(draft: Draft, options: readonly string[]): string[] {
  const typed = (draft.kind === "value" ? draft.value : draft.text).toLowerCase();
  const pool = draft.kind === "op" ? OPS : options;
  const starting = pool.filter((option) => option.toLowerCase().startsWith(typed));
  const containing = pool.filter((option) => !option.toLowerCase().startsWith(typed) && option.toLowerCase().includes(typed));
  return [...starting, ...containing].slice(0, SUGGESTIONS_MAX);
}

/** The text after taking a suggestion, or the finished condition. */
export function completeDraft(draft: Draft, option: string): string | Matcher {
  switch (draft.kind) {
    case "name":
      return /[\s=!~"]/.test(option) ? `"${option}"=` : `${option}=`;
    case "op":
      return `${draft.name}${option}`;
    case "value":
      return { name: draft.name, op: draft.op, value: option };
  }
}

function unquote(text: string): string {
  return text.replace(/^["'`]/, "").replace(/["'`]$/, "");
}

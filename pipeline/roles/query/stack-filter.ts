import { RE2JS } from "re2js";
import { CodedError, FaultKind } from "../../base/errors.ts";
import type { FrameFilter, StackSelection } from "./engine-interface.ts";
import type { StackNames } from "./stack-names.ts";

/** Whether a selection looks at the stacks of samples or at their spans: then sums per row or series do not answer it. */
export function filtersSamples({ callSite, frameFilter, spanIds, traceIds }: StackSelection): boolean {
  return callSite.length > 0 || frameFilter !== undefined || spanIds.length > 0 || traceIds.length > 0;
}

/** Compiled once per query: which nodes of a dataset's call tree are selected as the end of a stack. */
export class StackFilter {
  readonly #callSite: readonly Uint8Array[];
  readonly #frames: ((name: string) => { readonly included: boolean; readonly excluded: boolean }) | undefined;
  readonly #includes: boolean;

  constructor({ callSite, frameFilter }: StackSelection) {
    this.#callSite = callSite.map((name) => new TextEncoder().encode(name));
    this.#frames = frameFilter === undefined ? undefined : compileFrameFilter(frameFilter);
    this.#includes = frameFilter !== undefined && frameFilter.includeNames.length + frameFilter.includeRegexes.length > 0;
  }

  /** 1 for each node whose stack is selected; undefined when all are. */
  selectedNodes(stacks: StackNames): Uint8Array | undefined {
    if (this.#callSite.length === 0 && this.#frames === undefined) return undefined;
    const selected = this.#underCallSite(stacks);
    if (this.#frames !== undefined) this.#applyFrames(stacks, selected, this.#frames);
    return selected;
  }

  #underCallSite({ parent, name, names }: StackNames): Uint8Array {
    const wanted = this.#callSite;
    /** How many frames of the call site the node's stack begins with; -1 once it left it. */
    const matched = new Int32Array(parent.length).fill(-1);
    matched[0] = 0;
    const selected = new Uint8Array(parent.length);
    if (wanted.length === 0) selected[0] = 1;
    for (let node = 1; node < parent.length; node++) {
      const above = matched[parent[node]!]!;
      if (above === wanted.length) matched[node] = above;
      else if (above >= 0 && sameBytes(names.bytes, names.starts[name[node]!]!, names.lengths[name[node]!]!, wanted[above]!))
        matched[node] = above + 1;
      if (matched[node] === wanted.length) selected[node] = 1;
    }
    return selected;
  }

  #applyFrames({ parent, name, names }: StackNames, selected: Uint8Array, frames: NonNullable<StackFilterFrames>): void {
    const verdicts = new Map<number, { readonly included: boolean; readonly excluded: boolean }>();
    const included = new Uint8Array(parent.length);
    const excluded = new Uint8Array(parent.length);
    for (let node = 1; node < parent.length; node++) {
      let verdict = verdicts.get(name[node]!);
      if (verdict === undefined) {
        const start = names.starts[name[node]!]!;
        verdict = frames(Buffer.from(names.bytes.subarray(start, start + names.lengths[name[node]!]!)).toString());
        verdicts.set(name[node]!, verdict);
      }
      included[node] = verdict.included || included[parent[node]!] === 1 ? 1 : 0;
      excluded[node] = verdict.excluded || excluded[parent[node]!] === 1 ? 1 : 0;
    }
    for (let node = 0; node < parent.length; node++)
      if (excluded[node] === 1 || (this.#includes && included[node] === 0)) selected[node] = 0;
  }
}

type StackFilterFrames = ((name: string) => { readonly included: boolean; readonly excluded: boolean }) | undefined;

function compileFrameFilter(filter: FrameFilter): NonNullable<StackFilterFrames> {
  const includeNames = new Set(filter.includeNames);
  const excludeNames = new Set(filter.excludeNames);
  const includeRegexes = filter.includeRegexes.map(compileRegex);
  const excludeRegexes = filter.excludeRegexes.map(compileRegex);
  return (name) => ({
    included: includeNames.has(name) || includeRegexes.some((regex) => regex.test(name)),
    excluded: excludeNames.has(name) || excludeRegexes.some((regex) => regex.test(name)),
  });
}

function compileRegex(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (cause) {
    throw new CodedError(
      "selector_regex_invalid",
      FaultKind.Invalid,
      `the function name expression ${JSON.stringify(pattern)} is not RE2`,
      { cause },
    );
  }
}

function sameBytes(bytes: Uint8Array, start: number, length: number, wanted: Uint8Array): boolean {
  if (length !== wanted.length) return false;
  for (let i = 0; i < length; i++) if (bytes[start + i] !== wanted[i]) return false;
  return true;
}

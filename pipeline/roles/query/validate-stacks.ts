import type { StackTraceSelector } from "../../api/gen/types/v1/types_pb.ts";
import { CodedError, FaultKind } from "../../base/errors.ts";
import { EVERY_STACK, type FrameFilter, type StackSelection } from "./engine-interface.ts";
import { compileSearchRegex } from "./matcher.ts";
import type { GoPgo } from "./question.ts";

/** The parts of a request that choose samples within profiles. */
export type StackRequest = {
  readonly stackTraceSelector?: StackTraceSelector | undefined;
  readonly profileIdSelector?: readonly string[];
  readonly spanSelector?: readonly string[];
  readonly traceIdSelector?: readonly string[];
};

/**
 * Errors (all invalid): `selector_regex_invalid`, `profile_id_invalid`, `span_id_invalid`, `trace_id_invalid`, `span_and_trace_selector`.
 */
export function checkStacks(request: StackRequest): StackSelection {
  const { stackTraceSelector, profileIdSelector = [], spanSelector = [], traceIdSelector = [] } = request;
  const frameFilter = checkFrameFilter(stackTraceSelector);
  if (spanSelector.length > 0 && traceIdSelector.length > 0) {
    throw new CodedError(
      "span_and_trace_selector",
      FaultKind.Invalid,
      "span_selector and trace_id_selector cannot be combined: send one of them",
    );
  }
  return {
    ...EVERY_STACK,
    // A Go PGO profile is made of whole stacks.
    callSite: stackTraceSelector?.goPgo === undefined ? (stackTraceSelector?.callSite ?? []).map((location) => location.name) : [],
    frameFilter,
    profileIds: profileIdSelector.map(checkProfileId),
    spanIds: spanSelector.map((id) => checkHex(id, 16, "span_id_invalid", "span id")),
    traceIds: traceIdSelector.map((id) => checkHex(id, 32, "trace_id_invalid", "trace id")),
  };
}

export function goPgoOf(selector: StackTraceSelector | undefined): GoPgo | undefined {
  if (selector?.goPgo === undefined) return undefined;
  return { keepLocations: selector.goPgo.keepLocations, aggregateCallees: selector.goPgo.aggregateCallees };
}

function checkFrameFilter(selector: StackTraceSelector | undefined): FrameFilter | undefined {
  const filter = selector?.frameFilter;
  if (filter === undefined) return undefined;
  for (const regex of filter.includeFunctionNameRegexes) compileSearchRegex(regex);
  for (const regex of filter.excludeFunctionNameRegexes) compileSearchRegex(regex);
  const checked: FrameFilter = {
    includeNames: filter.includeFunctionNames,
    excludeNames: filter.excludeFunctionNames,
    includeRegexes: filter.includeFunctionNameRegexes,
    excludeRegexes: filter.excludeFunctionNameRegexes,
  };
  return Object.values(checked).every((list) => list.length === 0) ? undefined : checked;
}

/** A UUID in any of its usual spellings, as 32 lower-case hex digits. */
function checkProfileId(id: string): string {
  const bare = /^(?:urn:uuid:)?\{?([0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})\}?$/i.exec(id)?.[1];
  if (bare === undefined)
    throw new CodedError("profile_id_invalid", FaultKind.Invalid, `invalid profile id ${JSON.stringify(id)}: it must be a UUID`);
  return bare.replaceAll("-", "").toLowerCase();
}

function checkHex(id: string, digits: number, code: string, what: string): string {
  if (id.length !== digits || !/^[0-9a-f]+$/i.test(id)) {
    throw new CodedError(code, FaultKind.Invalid, `invalid ${what} ${JSON.stringify(id)}: it must have ${digits} hex digits`);
  }
  return id.toLowerCase();
}

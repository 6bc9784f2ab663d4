import type { CodedError } from "../../../base/errors.ts";
import type { OtlpOutcome } from "../ingest-door.ts";

/** Reasons named in an answer: more would be a list nobody reads. */
const REASONS_MAX = 3;

/**
 * What an export request is answered: how many of its profiles were refused and why, for `partial_success`. A request of which nothing was
 * accepted is answered with its first fault instead of a success that is none, so that the sender sees a status it acts on.
 *
 * Shape: `faults` has one reason per refused profile, `profiles` counts all of the request.
 * Errors: the first fault, when every profile was refused.
 * Source: OTLP specification, "Partial Success".
 */
export function otlpOutcome(profiles: number, faults: readonly CodedError[]): OtlpOutcome {
  const [first] = faults;
  if (first === undefined) return { rejectedProfiles: 0, message: "" };
  if (faults.length >= profiles) throw first;
  const reasons = [...new Set(faults.map((fault) => fault.rawMessage))];
  const more = reasons.length > REASONS_MAX ? `; and ${reasons.length - REASONS_MAX} other reasons` : "";
  return {
    rejectedProfiles: faults.length,
    message: `${faults.length} of ${profiles} profiles refused: ${reasons.slice(0, REASONS_MAX).join("; ")}${more}`,
  };
}

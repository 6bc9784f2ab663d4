import { CodedError, type Facts, FaultKind } from "../../base/errors.ts";

/**
 * Why a profile was refused: the code of the fault, and the `reason` label of the discard metrics, under the names that
 * Pyroscope's dashboards and alerts know.
 */
export const DISCARD_FAULTS = {
  invalid_labels: FaultKind.Invalid,
  missing_labels: FaultKind.Invalid,
  max_label_names_per_series: FaultKind.Invalid,
  label_name_too_long: FaultKind.Invalid,
  label_value_too_long: FaultKind.Invalid,
  duplicate_label_names: FaultKind.Invalid,
  not_in_ingestion_window: FaultKind.Invalid,
  samples_limit: FaultKind.Invalid,
  profile_size_limit: FaultKind.Invalid,
  sample_labels_limit: FaultKind.Invalid,
  malformed_profile: FaultKind.Invalid,
  rate_limited: FaultKind.Limited,
  body_size_limit_exceeded: FaultKind.TooLarge,
} as const satisfies Record<string, FaultKind>;

export type DiscardReason = keyof typeof DISCARD_FAULTS;

/** Not a fault: rules of the operator drop these on purpose, and the call succeeds. */
export const DROPPED_BY_RELABEL_RULES = "dropped_by_relabel_rules";

/** What was refused, for the metrics. Units: profiles, and bytes as they were received. */
export type Discard = {
  readonly reason: DiscardReason | typeof DROPPED_BY_RELABEL_RULES;
  readonly profiles: number;
  readonly bytes: number;
};

export function discardFault(reason: DiscardReason, message: string, facts: Facts = {}, cause?: unknown): CodedError<DiscardReason> {
  return new CodedError(reason, DISCARD_FAULTS[reason], message, { facts, cause });
}

export function isDiscardReason(code: string): code is DiscardReason {
  return Object.hasOwn(DISCARD_FAULTS, code);
}

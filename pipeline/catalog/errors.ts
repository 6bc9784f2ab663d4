import { CodedError, type Facts, FaultKind } from "../base/errors.ts";

/** Every way the catalog can fail, and what that means. */
const CATALOG_FAULTS = {
  catalog_conflict: FaultKind.Conflict,
  catalog_entry_corrupt: FaultKind.Corrupt,
  /** Written by a newer program: update this one first. */
  catalog_version_unknown: FaultKind.Invalid,
} as const satisfies Record<string, FaultKind>;
export type CatalogFault = keyof typeof CATALOG_FAULTS;

export function catalogError(code: CatalogFault, message: string, facts: Facts = {}, cause?: unknown): CodedError<CatalogFault> {
  return new CodedError(code, CATALOG_FAULTS[code], message, { facts, cause });
}

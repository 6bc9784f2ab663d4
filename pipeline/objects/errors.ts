import { CodedError, FaultKind } from "../base/errors.ts";

/** Every way a bucket can fail, and what that means. */
const OBJECT_FAULTS = {
  object_exists: FaultKind.Conflict,
  object_not_found: FaultKind.NotFound,
  object_store_full: FaultKind.Unavailable,
  object_store_unavailable: FaultKind.Unavailable,
  object_store_locked: FaultKind.Fenced,
  object_store_unsuitable: FaultKind.Invalid,
} as const satisfies Record<string, FaultKind>;
export type ObjectFault = keyof typeof OBJECT_FAULTS;

export function objectError(code: ObjectFault, message: string, facts: Record<string, unknown>, cause?: unknown): CodedError<ObjectFault> {
  return new CodedError(code, OBJECT_FAULTS[code], message, { facts, cause });
}

export function objectExists(key: string): CodedError {
  return objectError("object_exists", `object ${key} exists already, and objects are never overwritten`, { key });
}

export function objectNotFound(key: string): CodedError {
  return objectError("object_not_found", `no object ${key}`, { key });
}

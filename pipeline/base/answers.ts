import type { FaultKind } from "./errors.ts";

/** One row per kind: the only place where a fault becomes an answer. `connect` is the code of the Connect protocol. */
export const ANSWER = {
  invalid: { http: 400, connect: "invalid_argument", queue: "term", reconcile: "wait-for-change" },
  unauthenticated: { http: 401, connect: "unauthenticated", queue: "term", reconcile: "wait-for-change" },
  denied: { http: 403, connect: "permission_denied", queue: "term", reconcile: "wait-for-change" },
  not_found: { http: 404, connect: "not_found", queue: "term", reconcile: "wait-for-change" },
  too_large: { http: 413, connect: "resource_exhausted", queue: "term", reconcile: "wait-for-change" },
  limited: { http: 429, connect: "resource_exhausted", queue: "nak", reconcile: "retry-later" },
  unavailable: { http: 503, connect: "unavailable", queue: "nak", reconcile: "retry-later" },
  expired: { http: 504, connect: "deadline_exceeded", queue: "nak", reconcile: "retry-later" },
  conflict: { http: 409, connect: "already_exists", queue: "nak", reconcile: "retry-now" },
  fenced: { http: 503, connect: "unavailable", queue: "stop", reconcile: "stop" },
  corrupt: { http: 500, connect: "data_loss", queue: "term", reconcile: "wait-for-change" },
  unimplemented: { http: 501, connect: "unimplemented", queue: "term", reconcile: "wait-for-change" },
} as const satisfies Record<FaultKind, { http: number; connect: string; queue: string; reconcile: string }>;

/**
 * Kinds of faults, few and prescriptive: a new one is added only if a caller would act differently.
 * `answers.ts` is the only place that turns a kind into a protocol answer.
 */
export const FaultKind = {
  /** Wrong input, will be wrong again: do not retry. */
  Invalid: "invalid",
  /** Who asks is unknown or gives no tenant. */
  Unauthenticated: "unauthenticated",
  /** Known, but not allowed. */
  Denied: "denied",
  NotFound: "not_found",
  /** The input or the answer is larger than a bound that will not move by itself. */
  TooLarge: "too_large",
  /** Too much at once: pause, retry. */
  Limited: "limited",
  /** A neighbour is silent: back off, retry. */
  Unavailable: "unavailable",
  /** The caller's time is up or it went away. */
  Expired: "expired",
  /** Changed meanwhile: read again, retry. */
  Conflict: "conflict",
  /** A newer owner exists: stop this role. */
  Fenced: "fenced",
  /** Bytes contradict FORMAT.md: keep, alert. */
  Corrupt: "corrupt",
  /** Not built: clients fall back. */
  Unimplemented: "unimplemented",
} as const;
export type FaultKind = (typeof FaultKind)[keyof typeof FaultKind];

export type Facts = Readonly<Record<string, unknown>>;

/**
 * An expected failure. `code` and `kind` are API and tested; the message is for people and says what to do next.
 * Facts are logged as fields, with units in their keys.
 */
export class CodedError<Code extends string = string> extends Error {
  override readonly name = "CodedError";
  readonly code: Code;
  readonly kind: FaultKind;
  readonly facts: Facts;
  /** The message without the code in front, for clients that show the code elsewhere. */
  readonly rawMessage: string;

  constructor(code: Code, kind: FaultKind, message: string, options: { readonly cause?: unknown; readonly facts?: Facts } = {}) {
    super(`[${code}] ${message}`, { cause: options.cause });
    this.code = code;
    this.kind = kind;
    this.facts = options.facts ?? {};
    this.rawMessage = message;
  }
}

export function isCoded(error: unknown, code?: string): error is CodedError {
  return error instanceof CodedError && (code === undefined || error.code === code);
}

/**
 * A CodedError as plain data, to cross a thread boundary: structured clone drops the fields of Error subclasses.
 */
export type FaultRecord = { readonly code: string; readonly kind: FaultKind; readonly message: string; readonly facts: Facts };

export function faultRecord(error: CodedError): FaultRecord {
  return { code: error.code, kind: error.kind, message: error.rawMessage, facts: error.facts };
}

export function faultFromRecord(record: FaultRecord): CodedError {
  return new CodedError(record.code, record.kind, record.message, { facts: record.facts });
}

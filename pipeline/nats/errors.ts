import { CodedError, type Facts, FaultKind } from "../base/errors.ts";

/** Every way a connection to NATS can be wrong, and what that means. */
const NATS_FAULTS = {
  /** It does not answer: not there yet, restarting, or cut off. */
  nats_unavailable: FaultKind.Unavailable,
  /** It answers, and does not let this client in. */
  nats_denied: FaultKind.Denied,
  /** A file of credentials or certificates cannot be read. */
  nats_credentials_unreadable: FaultKind.Invalid,
  /** A server too old, or without JetStream. */
  nats_unsuitable: FaultKind.Invalid,
} as const satisfies Record<string, FaultKind>;

export type NatsFaultCode = keyof typeof NATS_FAULTS;

export function natsError(
  code: NatsFaultCode,
  message: string,
  options: { readonly cause?: unknown; readonly facts?: Facts } = {},
): CodedError<NatsFaultCode> {
  return new CodedError(code, NATS_FAULTS[code], message, options);
}

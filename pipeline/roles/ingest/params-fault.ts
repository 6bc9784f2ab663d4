import { CodedError, FaultKind } from "../../base/errors.ts";

/** A wrong parameter of `/ingest`: `what` continues "parameter name …". The only fault there that is answered with 400 rather than 422. */
export function paramsFault(parameter: string, what: string): CodedError<"ingest_params"> {
  return new CodedError("ingest_params", FaultKind.Invalid, `parameter ${parameter} ${what}`, { facts: { parameter } });
}

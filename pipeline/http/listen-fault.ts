import { CodedError, FaultKind } from "../base/errors.ts";

/** Why a port cannot be had, and what to do: `port_taken` (unavailable), `port_denied` (denied), `listen_failed` (unavailable). */
export function listenFault(error: NodeJS.ErrnoException, port: number, host: string): Error {
  const facts = { port, host };
  if (error.code === "EADDRINUSE") {
    return new CodedError(
      "port_taken",
      FaultKind.Unavailable,
      `port ${port} is already in use on ${host}: stop what listens there or choose another port`,
      { cause: error, facts },
    );
  }
  if (error.code === "EACCES") {
    return new CodedError("port_denied", FaultKind.Denied, `this user may not listen on port ${port}: choose one above 1023`, {
      cause: error,
      facts,
    });
  }
  return new CodedError("listen_failed", FaultKind.Unavailable, `cannot listen on ${host}:${port}: ${error.message}`, {
    cause: error,
    facts,
  });
}

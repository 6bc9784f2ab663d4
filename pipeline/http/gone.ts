import type { Response } from "./one-port.ts";

/**
 * Aborted when the client goes away before its answer is out. An answer that is out aborts nothing: that would cost an
 * error object for every request.
 */
export function goneSignal(response: Pick<Response, "once" | "writableEnded">): AbortSignal {
  const gone = new AbortController();
  response.once("close", () => {
    if (!response.writableEnded) gone.abort();
  });
  return gone.signal;
}

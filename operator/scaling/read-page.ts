import { get, type IncomingMessage } from "node:http";
import { CodedError, FaultKind } from "../../pipeline/base/errors.ts";
import { type Reading, readingOf } from "./reading.ts";

const TIMEOUT_MS = 5000;
/** Many times what a server's page of metrics takes. */
const PAGE_BYTES_MAX = 8 * 1024 * 1024;

/**
 * Reads these metrics from a server's page.
 *
 * Errors: `metrics_unknown` (unavailable).
 */
export async function readPage(url: string, names: readonly string[], signal: AbortSignal): Promise<Reading> {
  const page = await fetchText(url, AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)])).catch((error: unknown) => {
    throw new CodedError("metrics_unknown", FaultKind.Unavailable, `${url} does not answer: ${String(error)}`, { cause: error });
  });
  const reading = readingOf(page, names);
  if (reading === undefined)
    throw new CodedError("metrics_unknown", FaultKind.Unavailable, `${url} does not tell all of ${names.join(", ")}`);
  return reading;
}

function fetchText(url: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const onResponse = (response: IncomingMessage): void => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
        if (text.length > PAGE_BYTES_MAX) response.destroy(new Error(`the answer is longer than ${PAGE_BYTES_MAX} bytes`));
      });
      response.once("end", () => (response.statusCode === 200 ? resolve(text) : reject(new Error(`status ${response.statusCode}`))));
      response.once("error", reject);
    };
    get(url, { signal, agent: false }, onResponse).once("error", reject);
  });
}

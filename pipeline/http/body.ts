import { promisify } from "node:util";
import { gunzip, type InputType, type ZlibOptions, zstdDecompress } from "node:zlib";
import { CodedError, FaultKind } from "../base/errors.ts";
import type { Request } from "./one-port.ts";

/** Where the bytes of bodies are counted while they are in memory. */
export interface BodyMeter {
  /** Errors: `bodies_in_flight` (limited). */
  add(bytes: number): void;
}

/**
 * Reads a request's body whole.
 *
 * Errors: `body_too_large` (too_large) as soon as the length says so or the bytes pass the bound, `body_unreadable` (invalid) when the
 * client stops in the middle, those of the meter.
 */
export async function readBody(request: Request, bytesMax: number, meter: BodyMeter): Promise<Buffer> {
  const stated = Number(request.headers["content-length"]);
  if (stated > bytesMax) throw bodyTooLarge(bytesMax);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (): void => {
      request.off("data", onData);
      request.off("end", onEnd);
      request.off("error", onError);
      request.off("aborted", onAborted);
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      try {
        if (size > bytesMax) throw bodyTooLarge(bytesMax);
        meter.add(chunk.length);
        chunks.push(chunk);
      } catch (fault) {
        settle();
        // The rest is thrown away as it comes, so that the client can read the answer.
        request.resume();
        reject(fault);
      }
    };
    const onEnd = (): void => {
      settle();
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size));
    };
    const onError = (cause: unknown): void => {
      settle();
      reject(new CodedError("body_unreadable", FaultKind.Invalid, "the body ended before its end: send it again", { cause }));
    };
    const onAborted = (): void => onError(undefined);
    request.on("data", onData);
    request.on("end", onEnd);
    request.on("error", onError);
    request.on("aborted", onAborted);
  });
}

const gunzipAsync = promisify<InputType, ZlibOptions, Buffer>(gunzip);
const zstdAsync = promisify<InputType, object, Buffer>(zstdDecompress);

/**
 * Undoes a Content-Encoding, never giving more than the bound: a bomb costs what the bound says.
 *
 * Errors: `encoding_unknown` (unsupported: invalid), `body_malformed` (invalid), `body_too_large` (too_large).
 */
export async function decompressBody(body: Buffer, encoding: string | undefined, bytesMax: number): Promise<Buffer> {
  const name = (encoding ?? "").trim().toLowerCase();
  if (name === "" || name === "identity" || body.length === 0) return body;
  try {
    if (name === "gzip" || name === "x-gzip") return await gunzipAsync(body, { maxOutputLength: bytesMax });
    if (name === "zstd") return await zstdAsync(body, { maxOutputLength: bytesMax });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw bodyTooLarge(bytesMax);
    throw new CodedError("body_malformed", FaultKind.Invalid, `the body is not ${name}, as its content-encoding says`, { cause });
  }
  throw new CodedError("encoding_unknown", FaultKind.Invalid, `content-encoding '${name}' is not known: send gzip, zstd or none`);
}

function bodyTooLarge(bytesMax: number): CodedError {
  return new CodedError(
    "body_too_large",
    FaultKind.TooLarge,
    `the body is larger than ${bytesMax} bytes: send less at once, or raise limits.body_max`,
    {
      facts: { limit_bytes: bytesMax },
    },
  );
}

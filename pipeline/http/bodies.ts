import { CodedError, FaultKind } from "../base/errors.ts";
import { gauge, type Registry } from "../base/metrics.ts";
import { type BodyMeter, decompressBody, readBody } from "./body.ts";
import type { Request, Response } from "./one-port.ts";

/**
 * Takes the bodies of requests, and bounds what all of them together hold in memory: each alone may be within its limit while many
 * slow ones are not. A body counts, as received and as decompressed, until its request is answered.
 */
export class Bodies {
  readonly #inFlightBytesMax: number;
  #inFlightBytes = 0;

  constructor(inFlightBytesMax: number, registry: Registry) {
    this.#inFlightBytesMax = inFlightBytesMax;
    gauge(registry, {
      name: "brazier_http_bodies_in_flight_bytes",
      help: "Bodies of requests in progress, as received and as decompressed.",
      collect: (metric) => metric.set(this.#inFlightBytes),
    });
  }

  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  /**
   * The body as it was sent.
   * Errors: `body_too_large` (too_large), `body_unreadable` (invalid), `bodies_in_flight` (limited).
   */
  takeRaw(request: Request, response: Response, bytesMax: number): Promise<Buffer> {
    return readBody(request, bytesMax, this.#meter(response));
  }

  /** The body without its Content-Encoding. Errors: as {@link takeRaw}, and `encoding_unknown`, `body_malformed` (invalid). */
  async take(request: Request, response: Response, bytesMax: number): Promise<Buffer> {
    const meter = this.#meter(response);
    const sent = await readBody(request, bytesMax, meter);
    const body = await decompressBody(sent, request.headers["content-encoding"], bytesMax);
    if (body !== sent) meter.add(body.length);
    return body;
  }

  /** The chunks of a body that somebody else reads, counted as they come. Errors, when read: `bodies_in_flight` (limited). */
  async *metered(chunks: AsyncIterable<Uint8Array>, response: Response): AsyncIterable<Uint8Array> {
    const meter = this.#meter(response);
    for await (const chunk of chunks) {
      meter.add(chunk.length);
      yield chunk;
    }
  }

  #meter(response: Response): BodyMeter {
    let own = 0;
    response.once("close", () => {
      this.#inFlightBytes -= own;
      own = 0;
    });
    return {
      add: (bytes) => {
        // One body alone always passes: its own limit has judged it.
        if (this.#inFlightBytes > own && this.#inFlightBytes + bytes > this.#inFlightBytesMax) {
          throw new CodedError(
            "bodies_in_flight",
            FaultKind.Limited,
            "more bodies are being received than fit into memory: send again in a moment",
            {
              facts: { in_flight_bytes: this.#inFlightBytes, in_flight_bytes_max: this.#inFlightBytesMax, retryAfterSeconds: 2 },
            },
          );
        }
        own += bytes;
        this.#inFlightBytes += bytes;
      },
    };
  }
}

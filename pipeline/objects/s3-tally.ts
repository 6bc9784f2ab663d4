import { isAbsent, isTaken, statusOf } from "./s3-faults.ts";

export const S3_OPERATIONS = ["create", "get", "head", "list", "delete"] as const;
export type S3Operation = (typeof S3_OPERATIONS)[number];

export const S3_OUTCOMES = [
  "ok",
  /** Not there. */
  "absent",
  /** Somebody else has created it. */
  "taken",
  /** The server asks for less: 429 and 503. */
  "throttled",
  "server_error",
  /** The connection broke, or never came about. */
  "no_answer",
  "timeout",
  /** Nobody wants the answer any more: a client has gone, or the other one of two reads was faster. */
  "cancelled",
  "refused",
] as const;
export type S3Outcome = (typeof S3_OUTCOMES)[number];

const REQUESTS = S3_OPERATIONS.length * S3_OUTCOMES.length;
const RETRIES_AT = REQUESTS;
const HEDGES_AT = RETRIES_AT + S3_OPERATIONS.length;
const READ_BYTES_AT = HEDGES_AT + 1;
const WRITTEN_BYTES_AT = READ_BYTES_AT + 1;
const COUNTS = WRITTEN_BYTES_AT + 1;

/** Counts requests of all threads of a process, each of which has a client of its own: in memory that they share. */
export class S3Tally {
  readonly buffer: SharedArrayBuffer;
  readonly #counts: BigUint64Array;

  constructor(buffer = new SharedArrayBuffer(COUNTS * BigUint64Array.BYTES_PER_ELEMENT)) {
    this.buffer = buffer;
    this.#counts = new BigUint64Array(buffer);
  }

  /** Counts one request by how it ended. */
  async request<T>(operation: S3Operation, signal: AbortSignal, send: () => Promise<T>): Promise<T> {
    try {
      const answer = await send();
      this.#add(requestAt(operation, "ok"));
      return answer;
    } catch (error) {
      this.#add(requestAt(operation, outcomeOf(error, signal)));
      throw error;
    }
  }

  retry(operation: S3Operation): void {
    this.#add(RETRIES_AT + S3_OPERATIONS.indexOf(operation));
  }

  hedge(): void {
    this.#add(HEDGES_AT);
  }

  read(bytes: number): void {
    this.#add(READ_BYTES_AT, bytes);
  }

  written(bytes: number): void {
    this.#add(WRITTEN_BYTES_AT, bytes);
  }

  requests(operation: S3Operation, outcome: S3Outcome): number {
    return this.#get(requestAt(operation, outcome));
  }

  retries(operation: S3Operation): number {
    return this.#get(RETRIES_AT + S3_OPERATIONS.indexOf(operation));
  }

  get hedges(): number {
    return this.#get(HEDGES_AT);
  }

  get readBytes(): number {
    return this.#get(READ_BYTES_AT);
  }

  get writtenBytes(): number {
    return this.#get(WRITTEN_BYTES_AT);
  }

  #add(at: number, count = 1): void {
    Atomics.add(this.#counts, at, BigInt(count));
  }

  #get(at: number): number {
    return Number(Atomics.load(this.#counts, at));
  }
}

function requestAt(operation: S3Operation, outcome: S3Outcome): number {
  return S3_OPERATIONS.indexOf(operation) * S3_OUTCOMES.length + S3_OUTCOMES.indexOf(outcome);
}

function outcomeOf(error: unknown, signal: AbortSignal): S3Outcome {
  if (signal.aborted) return (signal.reason as Error | undefined)?.name === "TimeoutError" ? "timeout" : "cancelled";
  const status = statusOf(error);
  // 416: a range behind the end, which is as good as absent.
  if (isAbsent(error) || status === 416) return "absent";
  if (isTaken(error)) return "taken";
  if (status === undefined) return "no_answer";
  if (status === 429 || status === 503) return "throttled";
  return status >= 500 ? "server_error" : "refused";
}

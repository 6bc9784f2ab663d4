import { KIB, MIB, MINUTE_MS, SECOND_MS } from "../base/units.ts";

/** How long clients may take. A client that is slower is dropped: it may be broken, and it may mean to hold the server's memory. */
export type Patience = {
  /** From connecting to the end of the headers. */
  readonly headersMs: number;
  /** From the beginning of a request to the last byte of its body. Answers are not bounded by it. */
  readonly requestMs: number;
  /** Between the requests of a connection. */
  readonly keepAliveMs: number;
  /** Without a byte in either direction on one request of an HTTP/2 connection; longer than any query may take. */
  readonly streamIdleMs: number;
  /** Without a byte on an HTTP/2 connection; clients with keep-alive pings stay. */
  readonly sessionIdleMs: number;
  /** How often connections and requests are looked at. */
  readonly checkMs: number;
};

export const PATIENCE: Patience = {
  headersMs: 15 * SECOND_MS,
  // 256 MiB at 5 MB/s.
  requestMs: 60 * SECOND_MS,
  // Longer than the idle time of common load balancers (60 s), so that they close first and never meet a closing connection.
  keepAliveMs: 75 * SECOND_MS,
  streamIdleMs: 2 * MINUTE_MS,
  sessionIdleMs: 5 * MINUTE_MS,
  checkMs: 5 * SECOND_MS,
};

/** Lets a push of a few MB travel without waiting for window updates. */
export const HTTP2_WINDOW_BYTES = 4 * MIB;

/** As long as the longest URL that is answered, and some headers: a selector with hundreds of names is a long URL. */
export const HEADER_BYTES_MAX = 80 * KIB;
export const HEADERS_MAX = 200;

/** What one HTTP/2 connection may do to this process: streams, memory, frames that make no sense, streams opened and reset at once. */
export const HTTP2_BOUNDS = {
  settings: { initialWindowSize: HTTP2_WINDOW_BYTES, maxConcurrentStreams: 1000, maxHeaderListSize: HEADER_BYTES_MAX, enablePush: false },
  maxHeaderListPairs: HEADERS_MAX,
  maxSendHeaderBlockLength: HEADER_BYTES_MAX,
  maxSettings: 32,
  maxOutstandingPings: 10,
  maxSessionInvalidFrames: 100,
  maxSessionRejectedStreams: 100,
  // A client may cancel many queries at once; one that does nothing else is thrown out.
  streamResetBurst: 1000,
  streamResetRate: 50,
} as const;

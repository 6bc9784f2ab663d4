import { createServer as createHttp1Server, type Server as Http1Server, type IncomingMessage, type ServerResponse } from "node:http";
import {
  constants,
  createServer as createHttp2Server,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { type Clock, systemClock } from "../base/clock.ts";
import { CodedError, FaultKind } from "../base/errors.ts";
import { type DurationMs, MIB, MINUTE_MS, SECOND_MS } from "../base/units.ts";

export type Request = IncomingMessage | Http2ServerRequest;
export type Response = ServerResponse | Http2ServerResponse;
export type RequestListener = (request: Request, response: Response) => void;

/** What an HTTP/2 client with prior knowledge sends first. No HTTP/1 method begins so. */
const HTTP2_PREFACE = Buffer.from("PRI ");

/** How long clients may take. A client that is slower is dropped: it may be broken, and it may mean to hold the server's memory. */
export type Patience = {
  /** From connecting to the end of the headers. */
  readonly headersMs: number;
  /** From the first byte of a request to its last. Answers are not bounded by it. */
  readonly requestMs: number;
  /** Between the requests of a connection. */
  readonly keepAliveMs: number;
  /** Without a byte in either direction on one request of an HTTP/2 connection; longer than any query may take. */
  readonly streamIdleMs: number;
  /** Without a byte on an HTTP/2 connection; clients with keep-alive pings stay. */
  readonly sessionIdleMs: number;
  /** How often HTTP/1.1 connections are looked at. */
  readonly checkMs: number;
};

const PATIENCE: Patience = {
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
const HTTP2_WINDOW_BYTES = 4 * MIB;

/**
 * A listener on one port that speaks HTTP/1.1 and HTTP/2 without TLS (h2c with prior knowledge, as gRPC clients do): the first
 * bytes of a connection say which. Every request goes to the same listener.
 *
 * Errors of `listen`: `port_taken` (unavailable), `port_denied` (denied).
 */
export class OnePortServer {
  readonly #http1: Http1Server;
  readonly #http2: Http2Server;
  readonly #clock: Clock;
  readonly #patience: Patience;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  #closing = false;

  constructor(listener: RequestListener, patience: Partial<Patience> = {}, clock: Clock = systemClock) {
    this.#clock = clock;
    this.#patience = { ...PATIENCE, ...patience };
    const { headersMs, requestMs, keepAliveMs, checkMs } = this.#patience;
    this.#http2 = createHttp2Server({ settings: { initialWindowSize: HTTP2_WINDOW_BYTES, maxConcurrentStreams: 1000 } }, listener);
    this.#http2.on("session", (session) => this.#onSession(session));
    // The HTTP/1 server owns the port, so that its own checks of slow clients work; connections pass through #sniff first.
    this.#http1 = createHttp1Server(
      {
        noDelay: true,
        headersTimeout: headersMs,
        requestTimeout: requestMs,
        keepAliveTimeout: keepAliveMs,
        connectionsCheckingInterval: checkMs,
      },
      listener,
    );
    this.#http1.on("request", (_request, response) => {
      // A connection kept alive would hold the close back until its timeout.
      response.once("close", () => this.#closing && setImmediate(() => this.#http1.closeIdleConnections()));
    });
    const [acceptHttp1] = this.#http1.listeners("connection") as ((socket: Socket) => void)[];
    this.#http1.removeAllListeners("connection");
    this.#http1.on("connection", (socket: Socket) => this.#sniff(socket, acceptHttp1 as (socket: Socket) => void));
  }

  /** Port 0 takes any free one. Gives the port. */
  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const onError = (error: NodeJS.ErrnoException): void => reject(listenFault(error, port, host));
      this.#http1.once("error", onError);
      this.#http1.listen({ port, host, backlog: 1024 }, () => {
        this.#http1.off("error", onError);
        resolve((this.#http1.address() as AddressInfo).port);
      });
    });
  }

  /** Stops listening, lets requests in progress finish for at most the grace, then drops what is left. */
  async close(graceMs: DurationMs): Promise<void> {
    this.#closing = true;
    const closed = new Promise<void>((resolve) => this.#http1.close(() => resolve()));
    this.#http1.closeIdleConnections();
    for (const session of this.#sessions) session.close();
    const patience = new AbortController();
    const drop = this.#clock.sleep(graceMs, patience.signal).then(() => {
      for (const session of this.#sessions) session.destroy();
      for (const socket of this.#sockets) socket.destroy();
    });
    await closed;
    patience.abort();
    await drop;
  }

  #sniff(socket: Socket, acceptHttp1: (socket: Socket) => void): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    const ignoreError = (): void => {};
    const onTimeout = (): void => void socket.destroy();
    socket.on("error", ignoreError);
    socket.setTimeout(this.#patience.headersMs, onTimeout);
    let first: Buffer = Buffer.alloc(0);
    const onReadable = (): void => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      first = first.length === 0 ? chunk : Buffer.concat([first, chunk]);
      const compared = Math.min(first.length, HTTP2_PREFACE.length);
      const isHttp2 = first.compare(HTTP2_PREFACE, 0, compared, 0, compared) === 0;
      // "P" may still become "POST".
      if (isHttp2 && first.length < HTTP2_PREFACE.length) return;
      socket.off("readable", onReadable);
      socket.off("error", ignoreError);
      socket.setTimeout(0);
      socket.off("timeout", onTimeout);
      socket.unshift(first);
      if (isHttp2) this.#http2.emit("connection", socket);
      else acceptHttp1.call(this.#http1, socket);
      // HTTP/2 needs no listener of ours, HTTP/1 installs its own: both read what was put back.
    };
    socket.on("readable", onReadable);
  }

  #onSession(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    session.once("close", () => this.#sessions.delete(session));
    session.on("error", () => session.destroy());
    session.setLocalWindowSize(4 * HTTP2_WINDOW_BYTES);
    session.setTimeout(this.#patience.sessionIdleMs, () => session.close());
    session.on("stream", (stream) => stream.setTimeout(this.#patience.streamIdleMs, () => stream.close(constants.NGHTTP2_CANCEL)));
  }
}

function listenFault(error: NodeJS.ErrnoException, port: number, host: string): Error {
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

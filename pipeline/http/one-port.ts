import { createServer as createHttp1Server, type Server as Http1Server, type IncomingMessage, type ServerResponse } from "node:http";
import {
  constants,
  createServer as createHttp2Server,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from "node:tls";
import { assert } from "../base/assert.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import type { DurationMs } from "../base/units.ts";
import { listenFault } from "./listen-fault.ts";
import { HEADER_BYTES_MAX, HEADERS_MAX, HTTP2_BOUNDS, HTTP2_WINDOW_BYTES, PATIENCE, type Patience } from "./listener-bounds.ts";
import type { TlsMaterial } from "./tls.ts";

export type Request = IncomingMessage | Http2ServerRequest;
export type Response = ServerResponse | Http2ServerResponse;
export type RequestListener = (request: Request, response: Response) => void;

/** What an HTTP/2 client with prior knowledge sends first. No HTTP/1 method begins so. */
const HTTP2_PREFACE = Buffer.from("PRI ");

export type OnePortOptions = {
  readonly patience?: Partial<Patience>;
  readonly clock?: Clock;
  /** Connections at the same time, 0 for no bound. */
  readonly connectionsMax?: number;
  /** TLS on the port, HTTP/1.1 or HTTP/2 by ALPN; without it both in the clear. */
  readonly tls?: TlsMaterial;
  /** Told why a TLS handshake has failed. */
  readonly onTlsFault?: (error: Error, address: string | undefined) => void;
};

/**
 * A listener on one port that speaks HTTP/1.1 and HTTP/2. Without TLS the first bytes of a connection say which (h2c with prior knowledge, as
 * gRPC clients do), with TLS the handshake does. Every request goes to the same listener.
 *
 * Errors of `listen`: `port_taken` (unavailable), `port_denied` (denied).
 */
export class OnePortServer {
  readonly #http1: Http1Server;
  readonly #http2: Http2Server;
  readonly #tls: TlsServer | undefined;
  readonly #clock: Clock;
  readonly #patience: Patience;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  /** Of HTTP/2: streams whose request has not ended, with the moment at which it must have. */
  readonly #receiving = new Map<ServerHttp2Stream, number>();
  readonly #closed = new AbortController();
  #closing = false;

  constructor(listener: RequestListener, { patience = {}, clock = systemClock, connectionsMax = 0, tls, onTlsFault }: OnePortOptions = {}) {
    this.#clock = clock;
    this.#patience = { ...PATIENCE, ...patience };
    const { headersMs, requestMs, keepAliveMs, checkMs } = this.#patience;
    this.#http2 = createHttp2Server(HTTP2_BOUNDS, listener);
    this.#http2.on("session", (session) => this.#onSession(session));
    // The HTTP/1 server owns the port, so that its own checks of slow clients work; connections pass through #sniff first.
    this.#http1 = createHttp1Server(
      {
        noDelay: true,
        headersTimeout: headersMs,
        requestTimeout: requestMs,
        keepAliveTimeout: keepAliveMs,
        connectionsCheckingInterval: checkMs,
        maxHeaderSize: HEADER_BYTES_MAX,
      },
      listener,
    );
    this.#http1.maxHeadersCount = HEADERS_MAX;
    if (connectionsMax > 0) this.#http1.maxConnections = connectionsMax;
    this.#http1.on("request", (_request, response) => {
      // A connection kept alive would hold the close back until its timeout.
      response.once("close", () => this.#closing && setImmediate(() => this.#http1.closeIdleConnections()));
    });
    const [acceptHttp1] = this.#http1.listeners("connection") as ((socket: Socket) => void)[];
    this.#http1.removeAllListeners("connection");
    const toHttp1 = (socket: Socket): void => void acceptHttp1!.call(this.#http1, socket);
    const toHttp2 = (socket: Socket): void => void this.#http2.emit("connection", socket);
    const handshakes = tls === undefined ? undefined : this.#createHandshakes(tls, { toHttp1, toHttp2, onTlsFault });
    this.#tls = handshakes;
    this.#http1.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      if (handshakes === undefined) this.#sniff(socket, { toHttp1, toHttp2 });
      else handshakes.emit("connection", socket);
    });
  }

  /** Takes newer files; connections that stand keep what they were made with. */
  renewTls(tls: TlsMaterial): void {
    assert(this.#tls !== undefined, "only a listener with TLS has certificates to renew");
    this.#tls.setSecureContext(tls.context);
  }

  /** Port 0 takes any free one. Gives the port. */
  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const onError = (error: NodeJS.ErrnoException): void => reject(listenFault(error, port, host));
      this.#http1.once("error", onError);
      this.#http1.listen({ port, host, backlog: 1024 }, () => {
        this.#http1.off("error", onError);
        void this.#dropSlowSenders();
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
    this.#closed.abort();
    patience.abort();
    await drop;
  }

  /** The port stays with the HTTP/1 server; its connections are handed here, and to a protocol once they are secure. */
  #createHandshakes({ context, mutual }: TlsMaterial, { toHttp1, toHttp2, onTlsFault }: Handed): TlsServer {
    const server = createTlsServer({
      ...context,
      ALPNProtocols: ["h2", "http/1.1"],
      requestCert: mutual,
      rejectUnauthorized: mutual,
      handshakeTimeout: this.#patience.headersMs,
    });
    server.on("secureConnection", (socket: TLSSocket) => (socket.alpnProtocol === "h2" ? toHttp2(socket) : toHttp1(socket)));
    server.on("tlsClientError", (error, socket) => {
      onTlsFault?.(error, socket.remoteAddress);
      socket.destroy();
    });
    return server;
  }

  /** HTTP/1 has this built in, HTTP/2 only counts silence: a byte now and then would hold memory for ever. */
  async #dropSlowSenders(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      await this.#clock.sleep(this.#patience.checkMs as DurationMs, signal);
      const nowMs = this.#clock.monotonicMs();
      for (const [stream, untilMs] of this.#receiving) if (untilMs <= nowMs) stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    }
  }

  #sniff(socket: Socket, { toHttp1, toHttp2 }: Handed): void {
    const ignoreError = (): void => {};
    const drop = (): void => void socket.destroy();
    socket.on("error", ignoreError);
    // Closed by its client before it said what it speaks.
    socket.once("end", drop);
    socket.setTimeout(this.#patience.headersMs, drop);
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
      socket.off("timeout", drop);
      socket.off("end", drop);
      socket.unshift(first);
      if (isHttp2) toHttp2(socket);
      else toHttp1(socket);
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
    session.on("stream", (stream, _headers, flags) => {
      stream.setTimeout(this.#patience.streamIdleMs, () => stream.close(constants.NGHTTP2_CANCEL));
      if ((flags & constants.NGHTTP2_FLAG_END_STREAM) === 0) this.#awaitBody(stream);
    });
  }

  #awaitBody(stream: ServerHttp2Stream): void {
    this.#receiving.set(stream, this.#clock.monotonicMs() + this.#patience.requestMs);
    const over = (): void => void this.#receiving.delete(stream);
    stream.once("end", over);
    stream.once("close", over);
  }
}

/** Where a connection goes once its protocol is known. */
type Handed = {
  readonly toHttp1: (socket: Socket) => void;
  readonly toHttp2: (socket: Socket) => void;
  readonly onTlsFault?: OnePortOptions["onTlsFault"] | undefined;
};

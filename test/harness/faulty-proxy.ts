import { createServer, request as forward, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/* A proxy in front of a server that behaves as a test says: what a client meets when the way to the server, or the server, is ill. */

export type Behaviour =
  /** Everything goes through. */
  | { readonly kind: "pass" }
  /** The connection is cut before an answer. */
  | { readonly kind: "cut" }
  /** Takes the request and never answers. */
  | { readonly kind: "silent" }
  /** Everything goes through, this much later. */
  | { readonly kind: "slow"; readonly delayMs: number }
  /** Answers by itself; the server sees nothing. */
  | { readonly kind: "answer"; readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  /** The server gets the request, the client loses the answer. */
  | { readonly kind: "lose-answer" };

export interface FaultyProxy {
  readonly url: string;
  behave(behaviour: Behaviour): void;
  /** Requests that came in since the last change of behaviour. */
  requests(): number;
  close(): Promise<void>;
}

export async function startFaultyProxy(targetUrl: string): Promise<FaultyProxy> {
  let behaviour: Behaviour = { kind: "pass" };
  let requests = 0;

  const pass = (request: IncomingMessage, response: ServerResponse, answered: boolean): void => {
    const onward = forward(targetUrl + (request.url ?? "/"), { method: request.method ?? "GET", headers: request.headers }, (answer) => {
      if (!answered) {
        answer.resume();
        answer.once("end", () => response.destroy());
        return;
      }
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.once("error", () => response.destroy());
    request.pipe(onward);
  };

  const server = createServer((request, response) => {
    requests++;
    response.on("error", () => {
      // The client went away.
    });
    const now = behaviour;
    switch (now.kind) {
      case "pass":
        return pass(request, response, true);
      case "lose-answer":
        return pass(request, response, false);
      case "cut":
        request.socket.destroy();
        return;
      case "silent":
        request.resume();
        return;
      case "slow":
        setTimeout(() => pass(request, response, true), now.delayMs);
        return;
      case "answer":
        request.resume();
        request.once("end", () => {
          response.writeHead(now.status, now.headers);
          response.end(now.body ?? "");
        });
    }
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    behave: (next) => {
      behaviour = next;
      requests = 0;
    },
    requests: () => requests,
    close: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

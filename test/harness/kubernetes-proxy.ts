import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { request as requestSecure } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import type { ApiServerProcess } from "./api-server.ts";

/* Stands between a client and a real API server, and answers as the server does on a bad day: limits, conflicts, watches that end. */

export type Call = { readonly method: string; readonly path: string; readonly query: URLSearchParams };

export type KubernetesProxy = {
  readonly kubeconfig: string;
  /** Every request so far. */
  readonly calls: readonly Call[];
  /** Answers the requests that fit with this status, as often as said. */
  fail(status: number, times: number, fits: (call: Call) => boolean): void;
  /** Takes requests for watches from now on, and answers none. */
  holdWatches(): void;
  /** How many of the failures asked for are left. */
  readonly failuresLeft: () => number;
  /** Ends every open watch, after these events. */
  endWatches(events: (call: Call) => readonly object[]): void;
  stop(): Promise<void>;
};

type Admin = {
  readonly users: readonly { readonly user: Readonly<Record<string, string>> }[];
  readonly clusters: readonly { readonly cluster: Readonly<Record<string, string>> }[];
};

export async function startKubernetesProxy(api: ApiServerProcess): Promise<KubernetesProxy> {
  const admin = parse(readFileSync(api.kubeconfig, "utf8")) as Admin;
  const [user, cluster] = [admin.users[0]?.user ?? {}, admin.clusters[0]?.cluster ?? {}];
  const pem = (from: Readonly<Record<string, string>>, name: string): Buffer => {
    const data = from[`${name}-data`];
    return data === undefined ? readFileSync(from[name] as string) : Buffer.from(data, "base64");
  };
  const identity = { cert: pem(user, "client-certificate"), key: pem(user, "client-key"), ca: pem(cluster, "certificate-authority") };

  const calls: Call[] = [];
  const watches = new Map<ServerResponse, Call>();
  let failure: { readonly status: number; left: number; readonly fits: (call: Call) => boolean } | undefined;

  let isHolding = false;
  const forward = (request: IncomingMessage, response: ServerResponse): void => {
    const url = new URL(request.url ?? "/", "http://localhost");
    const call = { method: request.method ?? "GET", path: url.pathname, query: url.searchParams };
    calls.push(call);
    if (failure !== undefined && failure.left > 0 && failure.fits(call)) {
      failure.left--;
      request.resume();
      response
        .writeHead(failure.status, { "content-type": "application/json", "retry-after": "1" })
        .end(JSON.stringify(statusOf(failure.status)));
      return;
    }
    if (isHolding && call.query.has("watch")) return;
    const upstream = requestSecure(
      new URL(request.url ?? "/", api.url),
      { ...identity, method: call.method, headers: { ...request.headers, host: new URL(api.url).host } },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        // A watch has begun before anything happens.
        response.flushHeaders();
        answer.pipe(response);
        answer.once("error", () => response.destroy());
      },
    );
    upstream.once("error", () => response.destroy());
    response.once("close", () => {
      watches.delete(response);
      upstream.destroy();
    });
    if (call.query.has("watch")) watches.set(response, call);
    request.pipe(upstream);
  };

  const server = createServer(forward);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const kubeconfig = join(api.kubeconfig, "../client.kubeconfig");
  const through = {
    ...admin,
    users: [{ name: "proxy", user: {} }],
    clusters: [{ name: "proxy", cluster: { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true } }],
  };
  const contexts = [{ name: "proxy", context: { cluster: "proxy", user: "proxy" } }];
  writeFileSync(kubeconfig, stringify({ ...through, contexts, "current-context": "proxy" }));
  return {
    kubeconfig,
    calls,
    fail: (status, times, fits) => {
      failure = { status, left: times, fits };
    },
    holdWatches: () => {
      isHolding = true;
    },
    failuresLeft: () => failure?.left ?? 0,
    endWatches: (events) => {
      for (const [response, call] of [...watches]) {
        for (const event of events(call)) response.write(`${JSON.stringify(event)}\n`);
        response.end();
      }
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const REASONS: Readonly<Record<number, string>> = { 409: "Conflict", 410: "Expired", 429: "TooManyRequests" };

/** What the API server says in the body of a refusal, and in the last event of a watch. */
export function statusOf(code: number): object {
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: `refused with ${code}`,
    reason: REASONS[code],
    code,
  };
}

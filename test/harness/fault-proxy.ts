import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What happens to a request: it passes; is answered with a status; is refused before, never answered, or cut off after it has done its work; or its answer ends early, or trickles in. */
export type Fault = "none" | "500" | "503" | "reset" | "hang" | "lost-answer" | "partial-body" | "trickle";

export interface FaultProxy {
  readonly url: string;
  /** Chooses for each request; may be changed while requests run. */
  fault: (method: string, path: string) => Fault;
  /** Requests that did not simply pass. */
  readonly disturbed: number;
  /** Of these, requests whose client still waits. */
  readonly waiting: number;
  stop(): Promise<void>;
}

/** An HTTP proxy in front of a real server. The host it was asked for is handed on, since signatures cover it. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const { hostname, port } = new URL(target);
  const agent = new Agent({ keepAlive: false });
  let disturbed = 0;
  let waiting = 0;
  const server = createServer((from, to) => {
    const fault = proxy.fault(from.method ?? "", from.url ?? "");
    if (fault !== "none") {
      disturbed++;
      waiting++;
      to.once("close", () => waiting--);
    }
    if (fault === "500" || fault === "503") {
      from.resume().on("end", () => to.writeHead(Number(fault)).end());
    } else if (fault === "hang") {
      from.resume();
    } else if (fault === "reset") {
      from.socket.destroy();
    } else {
      const on = request({ hostname, port, agent, method: from.method, path: from.url, headers: from.headers }, (answer) =>
        pass(answer, to, fault),
      );
      on.on("error", () => to.destroy());
      from.pipe(on);
    }
  });
  const proxy = {
    url: "",
    fault: (): Fault => "none",
    get disturbed() {
      return disturbed;
    },
    get waiting() {
      return waiting;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
      agent.destroy();
    },
  } as FaultProxy & { url: string };
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  proxy.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return proxy;
}

function pass(answer: IncomingMessage, to: ServerResponse, fault: Fault): void {
  const chunks: Buffer[] = [];
  answer.on("data", (chunk: Buffer) => chunks.push(chunk));
  answer.on("error", () => to.destroy());
  answer.on("end", () => {
    if (fault === "lost-answer") return void to.destroy();
    const body = Buffer.concat(chunks);
    to.writeHead(answer.statusCode ?? 502, answer.headers);
    if (fault === "trickle") return void trickle(body, to);
    if (fault !== "partial-body" || body.byteLength === 0) return void to.end(body);
    to.write(body.subarray(0, body.byteLength >> 1), () => to.destroy());
  });
}

const TRICKLED_BYTES = 64;
const TRICKLE_EVERY_MS = 100;

/** Slowly enough for whoever reads to lose patience, and never silent. */
function trickle(body: Buffer, to: ServerResponse, from = 0): void {
  if (to.destroyed) return;
  if (from >= body.byteLength) return void to.end();
  to.write(body.subarray(from, from + TRICKLED_BYTES));
  setTimeout(() => trickle(body, to, from + TRICKLED_BYTES), TRICKLE_EVERY_MS);
}

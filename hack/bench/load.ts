import { Agent, request } from "node:http";
import { type PushedProfile, pushBody } from "../../test/harness/client.ts";

export type LoadResult = {
  readonly acknowledged: number;
  readonly refused: number;
  /** The first refusal's text, to be looked at. */
  readonly refusal: string | undefined;
  readonly wallMs: number;
  readonly latenciesMs: Float64Array;
};

/** Pushes every profile once, each client its next one as soon as the one before is acknowledged. Of several ports, clients take turns. */
export async function load(port: number | readonly number[], profiles: readonly PushedProfile[], clients: number): Promise<LoadResult> {
  const ports = [port].flat();
  // Bodies are made before the clock starts: what a client needs to spell them is not the server's time.
  const bodies = profiles.map((profile) => pushBody([profile]));
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const latenciesMs = new Float64Array(bodies.length);
  let next = 0;
  let acknowledged = 0;
  let refusal: string | undefined;
  const startMs = performance.now();
  const client = async (_: unknown, number: number): Promise<void> => {
    const to = ports[number % ports.length]!;
    for (let index = next++; index < bodies.length; index = next++) {
      const sentMs = performance.now();
      const { status, text } = await send(agent, to, bodies[index]!);
      latenciesMs[index] = performance.now() - sentMs;
      if (status === 200) acknowledged++;
      else refusal ??= `${status} ${text}`;
    }
  };
  await Promise.all(Array.from({ length: clients }).map(client));
  agent.destroy();
  return {
    acknowledged,
    refused: bodies.length - acknowledged,
    refusal,
    wallMs: performance.now() - startMs,
    latenciesMs: latenciesMs.sort(),
  };
}

/** Shape: a sorted list. */
export function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

function send(agent: Agent, port: number, body: Uint8Array): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve) => {
    const headers = { "content-type": "application/proto", "content-length": body.length };
    const call = request({ agent, port, host: "127.0.0.1", method: "POST", path: "/push.v1.PusherService/Push", headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8").slice(0, 200) }));
    });
    call.on("error", (error) => resolve({ status: 0, text: error.message }));
    call.end(body);
  });
}

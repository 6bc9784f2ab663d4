import { X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { NumberedLoad } from "../harness/numbered-load.ts";
import { until } from "../harness/until.ts";
import { MINUTES, nodeFolder, tellStory } from "./story.ts";

/*
 * Goal: servers of a stack's NATS get new certificates while profiles come in, one server at a time, and nothing that was acknowledged is lost or doubled.
 * Method: three servers; the certificate is taken out of their Secret, as if it had run out.
 */

const SERVERS = 3;

type Pod = {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
};

describe.skipIf(nodeFolder === undefined)("new certificates for the NATS of a stack on a real node", () => {
  const story = tellStory("nats");

  const servers = async (): Promise<readonly Pod[]> =>
    (await story.read<{ readonly items: readonly Pod[] }>("pods", "-l", "app.kubernetes.io/component=nats")).items;
  const isReady = ({ metadata, status }: Pod): boolean =>
    metadata.deletionTimestamp === undefined &&
    status.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;

  it("come to one server after the other under load", { timeout: 10 * MINUTES }, async () => {
    const resources = { requests: { cpu: "50m", memory: "64Mi" }, limits: { memory: "512Mi" } };
    await story.applyStack({ agent: { enabled: false }, queue: { nats: { replicas: SERVERS, resources } } });
    await story.becomesReady();
    const before = new Set((await servers()).map(({ metadata }) => metadata.uid));
    expect(before.size).toBe(SERVERS);
    const certificate = (): Promise<string> => story.get("secret", "main-nats", "-o", "jsonpath={.data.tls\\.crt}");
    const first = await certificate();
    const ingest = await story.url("ingest");
    const load = new NumberedLoad({ url: () => ingest, clients: 2 });
    load.start();
    await load.more(20);
    await story.kubectl("patch", "secret", "main-nats", "--type=merge", "-p", JSON.stringify({ data: { "tls.crt": "" } }));
    let fewestReady = SERVERS;
    await until(
      "three other servers, all ready",
      async () => {
        const now = await servers();
        const ready = now.filter(isReady);
        fewestReady = Math.min(fewestReady, ready.length);
        return ready.length === SERVERS && ready.every(({ metadata }) => !before.has(metadata.uid));
      },
      { withinMs: 5 * MINUTES, everyMs: 250 },
    );
    const [last, next] = [first, await certificate()].map((text) => new X509Certificate(Buffer.from(text, "base64")));
    expect(next?.serialNumber).not.toBe(last?.serialNumber);
    // Of one authority, or the first server to restart would have been alone.
    expect(next?.issuer).toBe(last?.issuer);
    await load.more(20);
    await load.stop();
    expect(fewestReady).toBe(SERVERS - 1);
    await story.becomesReady();
    expect(await load.faults(await story.url("query"))).toEqual({ lost: [], wrong: [] });
  });
});

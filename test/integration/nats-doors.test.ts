import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createUser } from "@nats-io/nkeys";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestAuthority } from "../../pipeline/http/testing/certificates.ts";
import type { Nats } from "../../pipeline/nats/nats.ts";
import type { NatsOptions } from "../../pipeline/nats/options.ts";
import { freePorts } from "../harness/free-port.ts";
import { type NatsTestServer, startNats } from "../harness/nats.ts";
import { until } from "../harness/until.ts";
import { jwtSetup } from "./nats-jwt.ts";
import { link, NO_SECRETS } from "./queue-world.ts";

/* Goal: every way into NATS that the configuration offers opens it, and a wrong key is told from a silent server. Method: real servers. */

let folder: string;
let authority: TestAuthority;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "brazier-doors-"));
  authority = new TestAuthority();
});

afterAll(async () => {
  authority.remove();
  await rm(folder, { recursive: true, force: true });
});

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

async function withServer(config: string, use: (server: NatsTestServer) => Promise<void>, scheme: "nats" | "tls" = "nats"): Promise<void> {
  const server = await startNats({ config, scheme });
  try {
    await use(server);
  } finally {
    await server.stop();
  }
}

/** Something went there and back. */
async function answers(options: Partial<NatsOptions> & { readonly servers: readonly string[] }): Promise<boolean> {
  const nats = await link(options);
  try {
    return (await nats.connection.rtt()) >= 0;
  } finally {
    await nats.close();
  }
}

describe("the ways into NATS", () => {
  it("takes user and password, also from a file", async () => {
    await withServer('authorization { user: brazier, password: "s3cret" }', async ({ urls }) => {
      const passwordFile = await file("password", "s3cret\n");
      expect(await answers({ servers: urls, user: "brazier", password: "s3cret" })).toBe(true);
      expect(await answers({ servers: urls, user: "brazier", passwordFile })).toBe(true);
      await expect(link({ servers: urls, user: "brazier", password: "wrong" })).rejects.toMatchObject({
        code: "nats_denied",
        kind: "denied",
      });
      await expect(link({ servers: urls })).rejects.toMatchObject({ code: "nats_denied" });
    });
  });

  it("takes an nkey", async () => {
    const [pair, stranger] = [createUser(), createUser()];
    const seedOf = (user: typeof pair) => `# made for a test\n${Buffer.from(user.getSeed()).toString()}\n`;
    await withServer(`authorization { users: [ { nkey: ${pair.getPublicKey()} } ] }`, async ({ urls }) => {
      expect(await answers({ servers: urls, nkeyFile: await file("user.nk", seedOf(pair)) })).toBe(true);
      const wrong = await file("stranger.nk", seedOf(stranger));
      await expect(link({ servers: urls, nkeyFile: wrong })).rejects.toMatchObject({ code: "nats_denied" });
    });
  });

  it("takes a credentials file", async () => {
    const { config, creds } = jwtSetup();
    await withServer(config, async ({ urls }) => {
      expect(await answers({ servers: urls, credentialsFile: await file("user.creds", creds) })).toBe(true);
      await expect(link({ servers: urls })).rejects.toMatchObject({ code: "nats_denied" });
    });
  });

  it("speaks TLS with an authority of its own, and shows a certificate where one is asked for", async () => {
    const [server, client] = [authority.issue("server"), authority.issue("client")];
    const config = `tls { cert_file: "${server.certFile}", key_file: "${server.keyFile}", ca_file: "${authority.caFile}", verify: true }`;
    await withServer(
      config,
      async ({ urls }) => {
        const tls = { caFile: authority.caFile, ...client };
        expect(await answers({ servers: urls, tls })).toBe(true);
        await expect(link({ servers: urls, tls: { ...NO_SECRETS.tls, caFile: authority.caFile } }, 1_000)).rejects.toMatchObject({
          kind: "unavailable",
        });
        await expect(link({ servers: urls, tls: { ...client, caFile: "" } }, 1_000)).rejects.toMatchObject({ kind: "unavailable" });
      },
      "tls",
    );
  });

  it("says which file it cannot read, before it connects", async () => {
    const absent = join(folder, "absent");
    for (const options of [{ credentialsFile: absent }, { nkeyFile: absent }, { user: "u", passwordFile: absent }]) {
      await expect(link({ servers: ["nats://127.0.0.1:1"], ...options })).rejects.toMatchObject({
        code: "nats_credentials_unreadable",
        kind: "invalid",
        facts: { path: absent },
      });
    }
    const noSeed = await file("no-seed", "hello\n");
    await expect(link({ servers: ["nats://127.0.0.1:1"], nkeyFile: noSeed })).rejects.toMatchObject({
      code: "nats_credentials_unreadable",
    });
  });

  it("waits for a server that is not there yet, and says so when none comes", async () => {
    const [port] = await freePorts(1);
    await expect(link({ servers: [`nats://127.0.0.1:${port}`] }, 1_000)).rejects.toMatchObject({
      code: "nats_unavailable",
      kind: "unavailable",
    });
    const server = await startNats();
    try {
      await server.nodes[0]!.kill();
      const linking: Promise<Nats> = link({ servers: server.urls }, 60_000);
      await server.nodes[0]!.start();
      const nats = await linking;
      expect(nats.isConnected).toBe(true);
      await server.nodes[0]!.kill();
      await until("the loss to be noticed", () => !nats.isConnected);
      await server.nodes[0]!.start();
      await until("the connection to be back", () => nats.isConnected);
      await nats.close();
    } finally {
      await server.stop();
    }
  });
});

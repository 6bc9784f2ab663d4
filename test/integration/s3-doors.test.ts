import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { TestAuthority } from "../../pipeline/http/testing/certificates.ts";
import { openS3Store } from "../../pipeline/objects/s3.ts";
import type { S3Settings } from "../../pipeline/objects/s3-settings.ts";
import { NumberedLoad } from "../harness/numbered-load.ts";
import { type S3TestServer, s3Settings, startS3 } from "../harness/s3.ts";
import { startServer } from "../harness/server.ts";

/* Goal: every way into a bucket works, and what does not open says which setting to look at. Method: a real S3 server, over HTTPS where that matters; a token service and an S3 that only take notes. */

const closers: (() => void)[] = [];

/** An HTTP server that answers what it is told to. Gives its address. */
async function listening(
  answer: (request: IncomingMessage, body: string) => { readonly status?: number; readonly body?: string },
): Promise<string> {
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { status = 200, body = "" } = answer(request, Buffer.concat(chunks).toString());
      response.writeHead(status, { "content-type": "text/xml" }).end(body);
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  closers.push(
    () => void server.close(),
    () => server.closeAllConnections(),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function works(settings: S3Settings): Promise<boolean> {
  const store = await openS3Store(settings);
  const key = `segments/${Math.random().toString(16).slice(2)}`;
  try {
    await store.create(key, new Uint8Array([1, 2, 3]));
    return (await store.get(key)).byteLength === 3;
  } finally {
    await store.close();
  }
}

describe("the ways into an S3 bucket", () => {
  const folder = mkdtempSync(join(tmpdir(), "brazier-s3-doors-"));
  const authority = new TestAuthority();
  let plain: S3TestServer;
  let secure: S3TestServer;

  beforeAll(async () => {
    plain = await startS3();
    secure = await startS3({ tls: { caFile: authority.caFile, ...authority.issue("s3") } });
  });

  afterEach(() => {
    vi.unstubAllEnvs();
    for (const close of closers.splice(0)) close();
  });

  afterAll(async () => {
    await plain?.stop();
    await secure?.stop();
    authority.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  it("trust an authority of their own over HTTPS, and no stranger", async () => {
    expect(await works(secure.settings)).toBe(true);
    await expect(works({ ...secure.settings, caFile: "", attempts: 1 })).rejects.toMatchObject({ code: "object_store_unavailable" });
    const stranger = new TestAuthority("a stranger");
    try {
      await expect(works({ ...secure.settings, caFile: stranger.caFile, attempts: 1 })).rejects.toMatchObject({
        code: "object_store_unavailable",
      });
    } finally {
      stranger.remove();
    }
    await expect(works({ ...secure.settings, caFile: join(folder, "absent") })).rejects.toMatchObject({ code: "object_store_unsuitable" });
  });

  it("serve the whole program over HTTPS, its threads included", async () => {
    const storage = { ...secure.storage, s3: { ...(secure.storage["s3"] as object), ca_file: authority.caFile } };
    const server = await startServer({ config: { storage }, readyWithinMs: 60_000 });
    try {
      const load = new NumberedLoad({ url: () => server.url, clients: 2 });
      load.start();
      await load.more(20);
      await load.stop();
      expect(await load.faults(server.url)).toEqual({ lost: [], wrong: [] });
    } finally {
      await server.stop();
    }
  });

  it("take the key from a file of credentials", async () => {
    const credentialsFile = join(folder, "credentials");
    const { accessKeyId, secretAccessKey } = plain.settings;
    const bare = { ...plain.settings, accessKeyId: "", secretAccessKey: "", credentialsFile };
    writeFileSync(credentialsFile, `[default]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`);
    expect(await works(bare)).toBe(true);
    const wrongFile = join(folder, "wrong-credentials");
    writeFileSync(wrongFile, "[default]\naws_access_key_id = unknown\naws_secret_access_key = wrong\n");
    await expect(works({ ...bare, credentialsFile: wrongFile })).rejects.toMatchObject({ code: "object_store_unsuitable" });
    await expect(works({ ...bare, credentialsFile: join(folder, "absent") })).rejects.toMatchObject({ code: "object_store_unsuitable" });
  });

  it("change the token of a service account for a key at the token service", async () => {
    const asked: URLSearchParams[] = [];
    const sts = await listening((_, body) => {
      asked.push(new URLSearchParams(body));
      const key = "<AccessKeyId>key-of-the-role</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>";
      const rest = `<SessionToken>session</SessionToken><Expiration>${new Date(Date.now() + 3_600_000).toISOString()}</Expiration>`;
      const result = `<AssumeRoleWithWebIdentityResult><Credentials>${key}${rest}</Credentials></AssumeRoleWithWebIdentityResult>`;
      return {
        body: `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">${result}</AssumeRoleWithWebIdentityResponse>`,
      };
    });
    const tokenFile = join(folder, "token");
    writeFileSync(tokenFile, "token of the pod");
    vi.stubEnv("AWS_WEB_IDENTITY_TOKEN_FILE", tokenFile);
    vi.stubEnv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/brazier");
    vi.stubEnv("AWS_ENDPOINT_URL_STS", sts);
    // The S3 server of the other tests knows no sessions.
    const seen: IncomingHttpHeaders[] = [];
    const url = await listening(({ headers }) => {
      seen.push(headers);
      return {};
    });
    const store = await openS3Store(s3Settings(url, { credentials: "web_identity", accessKeyId: "", secretAccessKey: "" }));
    for (const name of ["a", "b"]) await store.create(`segments/${name}`, new Uint8Array([1]));
    await store.close();
    expect(seen.map((headers) => headers["x-amz-security-token"])).toEqual(["session", "session"]);
    expect(seen[0]!.authorization).toContain("Credential=key-of-the-role/");
    expect(asked).toHaveLength(1);
    expect(Object.fromEntries(asked[0]!)).toMatchObject({
      Action: "AssumeRoleWithWebIdentity",
      WebIdentityToken: "token of the pod",
      RoleArn: "arn:aws:iam::123456789012:role/brazier",
    });
  });

  it("ask for encryption at rest as the settings say, and for none otherwise", async () => {
    const seen: IncomingHttpHeaders[] = [];
    const url = await listening(({ headers }) => {
      seen.push(headers);
      return {};
    });
    const headersOf = async (changes: Partial<S3Settings>): Promise<unknown[]> => {
      const store = await openS3Store(s3Settings(url, changes));
      await store.create("segments/a", new Uint8Array([1]));
      await store.close();
      const {
        "x-amz-server-side-encryption": sse,
        "x-amz-server-side-encryption-aws-kms-key-id": key,
        "if-none-match": condition,
      } = seen.at(-1)!;
      return [sse, key, condition];
    };
    expect(await headersOf({})).toEqual([undefined, undefined, "*"]);
    expect(await headersOf({ sse: "AES256", sseKmsKeyId: "not for this one" })).toEqual(["AES256", undefined, "*"]);
    expect(await headersOf({ sse: "aws:kms" })).toEqual(["aws:kms", undefined, "*"]);
    expect(await headersOf({ sse: "aws:kms", sseKmsKeyId: "key-7" })).toEqual(["aws:kms", "key-7", "*"]);
  });
});

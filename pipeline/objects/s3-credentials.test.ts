import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { s3Settings } from "../../test/harness/s3.ts";
import { openS3Store, type S3Store } from "./s3.ts";
import { FILE_REREAD_MS } from "./s3-credentials.ts";

/* Keys in a file that changes while the process runs. Method: a server that notes which key signed a request, and a wall clock that goes on when we say. */

const folder = mkdtempSync(join(tmpdir(), "brazier-keys-"));
const file = join(folder, "credentials");
const signedBy: string[] = [];
const server = createServer((request, response) => {
  signedBy.push(/Credential=([^/]+)\//.exec(request.headers.authorization ?? "")?.[1] ?? "nobody");
  request.resume().on("end", () => response.writeHead(200).end("x"));
});

function writeKeys(name: string): void {
  writeFileSync(file, `[default]\naws_access_key_id = ${name}\naws_secret_access_key = secret-of-${name}\n`);
}

beforeAll(() => new Promise<void>((done) => server.listen(0, "127.0.0.1", done)));
afterEach(() => {
  vi.useRealTimers();
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  rmSync(folder, { recursive: true, force: true });
});

describe("keys in a file", () => {
  let store: S3Store;
  const signerOfNext = async (): Promise<string | undefined> => {
    await store.get("segments/a");
    return signedBy.at(-1);
  };

  it("are in force within a minute after it was changed, and stay so when it cannot be read", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    writeKeys("first");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    store = await openS3Store(s3Settings(url, { accessKeyId: "", secretAccessKey: "", credentialsFile: file, attempts: 1 }));
    expect(await signerOfNext()).toBe("first");
    writeKeys("second");
    expect(await signerOfNext()).toBe("first");
    vi.setSystemTime(Date.now() + FILE_REREAD_MS + 1);
    // The first call that finds it due has it read, and does not wait for that longer than it has to.
    await expect.poll(signerOfNext).toBe("second");
    rmSync(file);
    vi.setSystemTime(Date.now() + FILE_REREAD_MS + 1);
    expect(await signerOfNext()).toBe("second");
    writeKeys("third");
    vi.setSystemTime(Date.now() + FILE_REREAD_MS + 1);
    await expect.poll(signerOfNext).toBe("third");
    await store.close();
  });
});

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../pipeline/base/clock.ts";
import { systemRandom } from "../../pipeline/base/random.ts";
import { describeObjectStore } from "../../pipeline/objects/conformance.ts";
import { probeCreate } from "../../pipeline/objects/probe.ts";
import { openS3Store } from "../../pipeline/objects/s3.ts";
import { type S3TestServer, s3Settings, startS3 } from "../harness/s3.ts";

/* Goal: an S3 bucket keeps every promise that a directory keeps. Method: the same tests against a real S3 server, and a fake one for what real ones do not do. */

let s3: S3TestServer;
let worlds = 0;

beforeAll(async () => {
  s3 = await startS3();
});

afterAll(async () => {
  await s3?.stop();
});

describeObjectStore("S3", () => openS3Store(s3Settings(s3.url, { prefix: `world/${worlds++}` })));

describe("an S3 bucket", () => {
  it("is told apart from one that overwrites", async () => {
    await probeCreate({ store: await openS3Store(s3.settings), clock: systemClock, random: systemRandom });
    const careless = createServer((request, response) => {
      request.resume();
      request.on("end", () => response.writeHead(request.method === "DELETE" ? 204 : 200).end());
    });
    await new Promise<void>((done) => careless.listen(0, "127.0.0.1", done));
    try {
      const url = `http://127.0.0.1:${(careless.address() as AddressInfo).port}`;
      const store = await openS3Store(s3Settings(url));
      const refused = probeCreate({ store, clock: systemClock, random: systemRandom });
      await expect(refused).rejects.toMatchObject({ code: "object_store_unsuitable", kind: "invalid" });
      await store.close();
    } finally {
      careless.closeAllConnections();
      await new Promise((done) => careless.close(done));
    }
  });

  it.each([
    ["an absent bucket", { bucket: "absent" }, "storage.s3.bucket"],
    ["an unknown key", { accessKeyId: "nobody" }, "storage.s3.access_key_id"],
    ["a wrong secret", { secretAccessKey: "wrong" }, "storage.s3.secret_access_key"],
    ["another region", { region: "eu-west-9" }, "storage.s3.region"],
  ])("names fault and remedy of %s", async (_, changes, remedy) => {
    const store = await openS3Store(s3Settings(s3.url, changes));
    const fault = { code: "object_store_unsuitable", message: expect.stringContaining(remedy) };
    await expect(store.create("segments/a", new Uint8Array(1))).rejects.toMatchObject(fault);
    await expect(store.get("segments/a")).rejects.toMatchObject(fault);
    await store.close();
  });

  it("names fault and remedy when nobody listens", async () => {
    const store = await openS3Store(s3Settings("http://127.0.0.1:1", { attempts: 2 }));
    const fault = { code: "object_store_unavailable", message: expect.stringContaining("storage.s3.endpoint") };
    await expect(store.get("segments/a")).rejects.toMatchObject(fault);
    await store.close();
  });

  it("lists more than one page", async () => {
    const store = await openS3Store(s3Settings(s3.url, { prefix: "pages" }));
    const keys = Array.from({ length: 1_050 }, (_, i) => `segments/${String(i).padStart(4, "0")}`);
    for (let at = 0; at < keys.length; at += 50)
      await Promise.all(keys.slice(at, at + 50).map((key) => store.create(key, new Uint8Array(1))));
    const found: string[] = [];
    for await (const { key } of store.list("segments/")) found.push(key);
    expect(found).toEqual(keys);
    await store.close();
  });
});

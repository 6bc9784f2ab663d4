import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestAuthority } from "../http/testing/certificates.ts";
import { type ClientOptions, createClients } from "./client.ts";
import { clientTls } from "./client-tls.ts";
import { deleteStored } from "./delete.ts";

/* The commands against a server that speaks TLS and asks for a certificate. */

const authority = new TestAuthority();
const own = authority.issue("server");
const shown = authority.issue("client");
let server: Server;
let url: string;

beforeAll(async () => {
  const files = { cert: readFileSync(own.certFile), key: readFileSync(own.keyFile), ca: readFileSync(authority.caFile) };
  server = createServer({ ...files, requestCert: true, rejectUnauthorized: true }, (request, response) => {
    request.resume();
    // An empty message of any type.
    if (request.url?.startsWith("/querier") === true) response.writeHead(200, { "content-type": "application/proto" }).end();
    else response.writeHead(200, { "content-type": "application/json" }).end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  authority.remove();
});

describe("a command over TLS", () => {
  const ask = (options: Omit<ClientOptions, "url">) => createClients({ url, ...options }).querier.labelNames({});

  it("comes in with the authority and a certificate of its own", async () => {
    const flags = { caFile: authority.caFile, cert: shown.certFile, key: shown.keyFile };
    expect((await ask(flags)).names).toEqual([]);
    await deleteStored("shop", { url, ...flags });
  });

  it("says what to do when the server is not trusted, or wants a certificate", async () => {
    await expect(ask({})).rejects.toMatchObject({ cause: { code: "server_untrusted", message: expect.stringContaining("--ca-file") } });
    await expect(deleteStored("shop", { url })).rejects.toMatchObject({ code: "server_untrusted" });
    // Some of Node's versions only see the connection end.
    await expect(deleteStored("shop", { url, caFile: authority.caFile })).rejects.toMatchObject({
      code: expect.stringMatching(/^server_(refused_tls|unreachable)$/),
    });
  });

  it("refuses flags that do not go together, and files that are not there", () => {
    expect(() => clientTls({ cert: shown.certFile })).toThrow(expect.objectContaining({ code: "flag_invalid" }));
    expect(() => clientTls({ caFile: "absent.pem" })).toThrow(expect.objectContaining({ code: "file_unreadable" }));
  });
});

import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { request as httpsRequest } from "node:https";
import { connect as connectTcp } from "node:net";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { QuerierService } from "../api/gen/querier/v1/querier_pb.ts";
import { type CodedError, isCoded } from "../base/errors.ts";
import type { DurationMs, UnixMs } from "../base/units.ts";
import { OnePortServer } from "./one-port.ts";
import { type CertificateFiles, TestAuthority } from "./testing/certificates.ts";
import { createRpcAdapterForTest } from "./testing/rpc-listener.ts";
import { readTls, type TlsFiles, type TlsMaterial } from "./tls.ts";

/* TLS with certificates made by openssl: what is served over it, who is let in, and what is said about files that do not fit. */

const authority = new TestAuthority();
const strangers = new TestAuthority("another authority");
const server = authority.issue("server");
const client = authority.issue("client");
const stranger = strangers.issue("stranger");
const NOW = Date.now() as UnixMs;

const running: OnePortServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.close(100 as DurationMs)));
});
afterAll(() => {
  authority.remove();
  strangers.remove();
});

function material(files: Partial<TlsFiles> = {}): TlsMaterial {
  return readTls({ ...server, clientCaFile: "", ...files }, NOW);
}

async function listen(
  tls: TlsMaterial,
  onTlsFault: (error: Error) => void = () => {},
): Promise<{ readonly port: number; readonly one: OnePortServer }> {
  const one = new OnePortServer(createRpcAdapterForTest(), { tls, onTlsFault });
  running.push(one);
  return { one, port: await one.listen(0, "127.0.0.1") };
}

type TlsOptions = { readonly ca?: Buffer | string; readonly cert?: Buffer; readonly key?: Buffer };

function trusting(more: Partial<CertificateFiles> = {}): TlsOptions {
  return {
    ca: readFileSync(authority.caFile),
    ...(more.certFile === undefined ? {} : { cert: readFileSync(more.certFile) }),
    ...(more.keyFile === undefined ? {} : { key: readFileSync(more.keyFile) }),
  };
}

function get(port: number, options: TlsOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest({ host: "127.0.0.1", port, path: "/", agent: false, ...options }, (response) => {
      response.setEncoding("utf8");
      let text = "";
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve(`${response.httpVersion} ${text}`));
    });
    request.once("error", reject);
    request.end();
  });
}

function getHttp2(port: number, options: TlsOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`https://127.0.0.1:${port}`, options);
    session.once("error", reject);
    // Some refusals only close.
    session.once("close", () => reject(new Error("the session was closed")));
    const stream = session.request({ ":path": "/" });
    stream.setEncoding("utf8");
    let text = "";
    stream.on("data", (chunk: string) => {
      text += chunk;
    });
    stream.once("error", reject);
    stream.once("response", () => stream.once("end", () => resolve(`2 ${text}`)).once("end", () => session.close()));
    stream.end();
  });
}

/** The common name of the certificate that the port shows. */
function shown(port: number, options: TlsOptions): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: "127.0.0.1", port, ...options }, () => {
      const name = socket.getPeerCertificate().subject.CN;
      socket.destroy();
      resolve(Array.isArray(name) ? name[0] : name);
    });
    socket.once("error", reject);
  });
}

describe("one port with TLS", () => {
  it("speaks HTTP/1.1 and HTTP/2 as the client wishes, and gRPC", async () => {
    const { port } = await listen(material());
    const options = trusting();
    expect([await get(port, options), await getHttp2(port, options)]).toEqual(["1.1 hello", "2 hello"]);
    const transport = createGrpcTransport({ baseUrl: `https://127.0.0.1:${port}`, nodeOptions: options });
    expect((await createClient(QuerierService, transport).labelNames({})).names).toEqual(["a"]);
  });

  it("answers nothing in the clear, and nobody who does not trust its authority is fooled", async () => {
    const { port } = await listen(material());
    await expect(
      new Promise((resolve, reject) => httpRequest({ host: "127.0.0.1", port, agent: false }, resolve).once("error", reject).end()),
    ).rejects.toThrow();
    await expect(get(port, {})).rejects.toThrow(/certificate|issuer/);
  });

  it("refuses old versions of TLS", async () => {
    const { port } = await listen(material());
    const old = new Promise((resolve, reject) => {
      const socket = connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false, maxVersion: "TLSv1.1", minVersion: "TLSv1" }, () =>
        resolve(socket.destroy()),
      );
      socket.once("error", reject);
    });
    await expect(old).rejects.toThrow();
  });

  it("shows the newer certificate after a renewal, to new connections", async () => {
    const { port, one } = await listen(material());
    const options = trusting();
    expect(await shown(port, options)).toBe("server");
    one.renewTls(material(authority.issue("renewed")));
    expect(await shown(port, options)).toBe("renewed");
  });

  it("drops who never finishes the handshake", async () => {
    const one = new OnePortServer(() => {}, { tls: material(), patience: { headersMs: 100 } });
    running.push(one);
    const port = await one.listen(0, "127.0.0.1");
    const socket = connectTcp(port, "127.0.0.1");
    socket.on("error", () => {});
    await new Promise((resolve) => socket.once("close", resolve));
  });
});

describe("mutual TLS", () => {
  it("lets in who shows a certificate of the authority, over both protocols", async () => {
    const { port } = await listen(material({ clientCaFile: authority.caFile }));
    const options = trusting(client);
    expect([await get(port, options), await getHttp2(port, options)]).toEqual(["1.1 hello", "2 hello"]);
  });

  it("refuses who shows none, or one of another authority, and says so to the log", async () => {
    const faults: string[] = [];
    const { port } = await listen(material({ clientCaFile: authority.caFile }), (error) => faults.push(error.message));
    for (const options of [trusting(), trusting(stranger)]) {
      await expect(get(port, options)).rejects.toThrow();
      await expect(getHttp2(port, options)).rejects.toThrow();
    }
    expect(faults.length).toBeGreaterThanOrEqual(1);
  });
});

describe("files of TLS", () => {
  const none = join(authority.folder, "absent.pem");
  const noPem = join(authority.folder, "no.pem");
  const cut = join(authority.folder, "cut.pem");
  const hidden = join(authority.folder, "hidden.key");
  writeFileSync(noPem, "hunter2-hunter2");
  writeFileSync(cut, "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
  copyFileSync(noPem, hidden);
  const other = authority.issue("other");

  it.each<[string, Partial<TlsFiles>, string, RegExp]>([
    ["a certificate that is not there", { certFile: none }, "tls_unreadable", /http\.tls\.cert_file .*absent\.pem/],
    ["a key that is not there", { keyFile: none }, "tls_unreadable", /http\.tls\.key_file/],
    ["a certificate that is none", { certFile: noPem }, "tls_invalid", /no certificate in PEM form/],
    ["a certificate that is cut", { certFile: cut }, "tls_invalid", /not a certificate/],
    ["a key that is none", { keyFile: hidden }, "tls_invalid", /not a private key/],
    ["the key of another certificate", { keyFile: other.keyFile }, "tls_invalid", /not the key of the certificate/],
    ["a client authority that is none", { clientCaFile: noPem }, "tls_invalid", /client_ca_file/],
    ["a client authority that may not sign", { clientCaFile: other.certFile }, "tls_invalid", /may not sign/],
  ])("are refused with %s, without a word of what is in the key", (_, files, code, message) => {
    let fault: unknown;
    try {
      material(files);
    } catch (error) {
      fault = error;
    }
    expect(isCoded(fault, code)).toBe(true);
    expect((fault as CodedError).message).toMatch(message);
    expect((fault as CodedError).message).not.toContain("hunter2");
  });

  it("say when the certificate ends, and are refused when it has", () => {
    const { notAfterMs } = material();
    expect(notAfterMs).toBeGreaterThan(NOW);
    expect(() => readTls({ ...server, clientCaFile: "" }, (notAfterMs + 1) as UnixMs)).toThrow(/ended on/);
  });
});

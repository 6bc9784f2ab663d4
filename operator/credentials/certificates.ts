// The library below asks for it while it is loaded.
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";
import type { Random } from "../../pipeline/base/random.ts";
import { DAY_MS, type UnixMs } from "../../pipeline/base/units.ts";

const KEY = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const LIFE_MS = 365 * DAY_MS;
/** Clocks differ. */
const EARLY_MS = DAY_MS / 24;

/** The authority outlives what it signs many times: servers that have the next certificate and those that have the last one trust each other. */
const AUTHORITY_LIFE_MS = 10 * LIFE_MS;

export type Authority = { readonly caCertificate: string; readonly caKey: string };
export type Issued = { readonly certificate: string; readonly key: string };
export type IssueOptions = { readonly nowMs: UnixMs; readonly random: Random };

/** An authority that signs the certificates of one stack and nothing else. */
export async function issueAuthority({ nowMs, random }: IssueOptions): Promise<Authority> {
  const keys = await generate();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...lifeOf(nowMs, AUTHORITY_LIFE_MS),
    serialNumber: serial(random),
    name: "CN=brazier",
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  return { caCertificate: `${certificate.toString("pem")}\n`, caKey: await privateKey(keys) };
}

/** A certificate for these names. */
export async function issue(names: readonly string[], authority: Authority, { nowMs, random }: IssueOptions): Promise<Issued> {
  const keys = await generate();
  const signingKey = await webcrypto.subtle.importKey("pkcs8", bytesOf(authority.caKey), KEY, false, ["sign"]);
  const leaf = await x509.X509CertificateGenerator.create({
    ...lifeOf(nowMs, LIFE_MS),
    serialNumber: serial(random),
    subject: `CN=${names[0]?.slice(0, 64)}`,
    issuer: new x509.X509Certificate(authority.caCertificate).subject,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      // Servers of a cluster are each other's clients, too.
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: "dns", value }))),
    ],
  });
  return { certificate: `${leaf.toString("pem")}\n`, key: await privateKey(keys) };
}

/** Whether an authority can sign a certificate that lives its whole life. */
export function canSign({ caCertificate, caKey }: Authority, nowMs: UnixMs): boolean {
  try {
    return bytesOf(caKey).length > 0 && nowMs + LIFE_MS < new x509.X509Certificate(caCertificate).notAfter.getTime();
  } catch {
    return false;
  }
}

/** Whether a certificate is for all these names and has a third of its life left. */
export function isFresh(certificate: string, names: readonly string[], nowMs: UnixMs): boolean {
  try {
    const parsed = new x509.X509Certificate(certificate);
    const has = new Set(parsed.getExtension(x509.SubjectAlternativeNameExtension)?.names.items.map(({ value }) => value));
    const [from, until] = [parsed.notBefore.getTime(), parsed.notAfter.getTime()];
    return names.every((name) => has.has(name)) && nowMs < until - (until - from) / 3;
  } catch {
    return false;
  }
}

function lifeOf(nowMs: UnixMs, lifeMs: number) {
  return { notBefore: new Date(nowMs - EARLY_MS), notAfter: new Date(nowMs + lifeMs), signingAlgorithm: KEY };
}

async function generate(): Promise<webcrypto.CryptoKeyPair> {
  x509.cryptoProvider.set(webcrypto as never);
  return (await webcrypto.subtle.generateKey(KEY, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
}

async function privateKey({ privateKey: key }: webcrypto.CryptoKeyPair): Promise<string> {
  return pem("PRIVATE KEY", Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key)).toString("base64"));
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text.replace(/-----[A-Z ]+-----/g, ""), "base64");
}

function serial(random: Random): string {
  const bytes = random.fill(new Uint8Array(16));
  // Positive, and never shorter than it looks.
  bytes[0] = ((bytes[0] as number) & 0x7f) | 0x40;
  return Buffer.from(bytes).toString("hex");
}

function pem(what: string, base64: string): string {
  return `-----BEGIN ${what}-----\n${base64.replace(/(.{64})(?=.)/g, "$1\n")}\n-----END ${what}-----\n`;
}

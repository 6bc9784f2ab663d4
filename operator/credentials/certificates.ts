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

export type Issued = { readonly caCertificate: string; readonly certificate: string; readonly key: string };

/**
 * A certificate for these names, with an authority made for it alone, whose key is forgotten at once: nobody can issue another. Renewal
 * makes a new pair.
 */
export async function issue(
  names: readonly string[],
  { nowMs, random }: { readonly nowMs: UnixMs; readonly random: Random },
): Promise<Issued> {
  x509.cryptoProvider.set(webcrypto as never);
  const [authority, server] = (await Promise.all([generate(), generate()])) as [webcrypto.CryptoKeyPair, webcrypto.CryptoKeyPair];
  const life = { notBefore: new Date(nowMs - EARLY_MS), notAfter: new Date(nowMs + LIFE_MS), signingAlgorithm: KEY };
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    ...life,
    serialNumber: serial(random),
    name: "CN=brazier",
    keys: authority,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  const leaf = await x509.X509CertificateGenerator.create({
    ...life,
    serialNumber: serial(random),
    subject: `CN=${names[0]?.slice(0, 64)}`,
    issuer: root.subject,
    publicKey: server.publicKey,
    signingKey: authority.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      // Servers of a cluster are each other's clients, too.
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: "dns", value }))),
    ],
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", server.privateKey)).toString("base64");
  return { caCertificate: `${root.toString("pem")}\n`, certificate: `${leaf.toString("pem")}\n`, key: pem("PRIVATE KEY", key) };
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

function generate(): Promise<unknown> {
  return webcrypto.subtle.generateKey(KEY, true, ["sign", "verify"]) as Promise<unknown>;
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

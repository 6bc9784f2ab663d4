import type { Random } from "../../pipeline/base/random.ts";
import type { UnixMs } from "../../pipeline/base/units.ts";
import { hostOf, type StackKey } from "../desired/names.ts";
import { canSign, isFresh, issue, issueAuthority } from "./certificates.ts";
import type { NatsCredentials } from "./nats-credentials.ts";

/**
 * The credentials of a stack's own NATS cluster: those in its Secret while they are good, new ones where they are missing or run out. The
 * password outlives the certificates, and so does the authority that signs them.
 */
export async function natsCredentials(
  key: StackKey,
  stored: Readonly<Record<string, string>> | undefined,
  options: { readonly tls: boolean; readonly nowMs: UnixMs; readonly random: Random },
): Promise<NatsCredentials> {
  const text = (name: string): string => Buffer.from(stored?.[name] ?? "", "base64").toString("utf8");
  const password = text("password") || newPassword(options.random);
  if (!options.tls) return { user: "brazier", password };
  const host = hostOf(key, "nats");
  const names = [host, `${host}.cluster.local`, `*.${hostOf(key, "nats-peers")}`, `*.${hostOf(key, "nats-peers")}.cluster.local`];
  const known = { caCertificate: text("ca.crt"), caKey: text("ca.key") };
  const authority = canSign(known, options.nowMs) ? known : await issueAuthority(options);
  const kept = { certificate: text("tls.crt"), key: text("tls.key") };
  const isGood = authority === known && kept.key !== "" && isFresh(kept.certificate, names, options.nowMs);
  return { user: "brazier", password, tls: { ...authority, ...(isGood ? kept : await issue(names, authority, options)) } };
}

const LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";

/** Letters first: the server's configuration takes what begins with a digit for a number. */
function newPassword(random: Random): string {
  const bytes = random.fill(new Uint8Array(40));
  return `p${[...bytes].map((byte) => LETTERS[byte % LETTERS.length]).join("")}`;
}

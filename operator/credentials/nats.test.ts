import { X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { systemRandom } from "../../pipeline/base/random.ts";
import { DAY_MS, type UnixMs } from "../../pipeline/base/units.ts";
import { natsCredentials } from "./nats.ts";
import type { NatsCredentials } from "./nats-credentials.ts";

const KEY = { namespace: "profiling", name: "main" };
const NOW = 1_800_000_000_000 as UnixMs;

const at = (days: number, stored?: Readonly<Record<string, string>>) =>
  natsCredentials(KEY, stored, { tls: true, nowMs: (NOW + days * DAY_MS) as UnixMs, random: systemRandom });

function secretOf({ user, password, tls }: NatsCredentials): Readonly<Record<string, string>> {
  const values = { user, password, "ca.crt": tls?.caCertificate, "ca.key": tls?.caKey, "tls.crt": tls?.certificate, "tls.key": tls?.key };
  return Object.fromEntries(Object.entries(values).map(([name, text]) => [name, Buffer.from(text ?? "").toString("base64")]));
}

describe("credentials of a stack's NATS cluster", () => {
  it("stay while the certificate has a third of its year left, and are new after that, but for the password", async () => {
    const first = await at(0);
    expect(await at(200, secretOf(first))).toEqual(first);
    const renewed = await at(250, secretOf(first));
    expect(renewed.password).toBe(first.password);
    expect(renewed.tls?.certificate).not.toBe(first.tls?.certificate);
    // Servers restart one by one: the last certificate and the next one are of one authority.
    expect(renewed.tls?.caCertificate).toBe(first.tls?.caCertificate);
    const [authority, leaf] = [renewed.tls?.caCertificate, renewed.tls?.certificate].map((text) => new X509Certificate(text as string));
    expect(leaf?.verify((authority as X509Certificate).publicKey)).toBe(true);
    expect(await at(300, secretOf(renewed))).toEqual(renewed);
  });

  it("are new when what is stored cannot be read, or is for another stack", async () => {
    const first = await at(0);
    const broken = await at(1, { ...secretOf(first), "tls.crt": "AAAA" });
    expect(broken.tls?.certificate).not.toBe(first.tls?.certificate);
    const other = await natsCredentials({ ...KEY, name: "other" }, secretOf(first), { tls: true, nowMs: NOW, random: systemRandom });
    expect(other.tls?.certificate).not.toBe(first.tls?.certificate);
  });
});

import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import { CodedError, FaultKind } from "../base/errors.ts";
import type { UnixMs } from "../base/units.ts";

export type TlsFiles = {
  readonly certFile: string;
  readonly keyFile: string /** Empty: clients need no certificate. */;
  readonly clientCaFile: string;
};

/** What a listener shows and demands; checked to be usable. */
export type TlsMaterial = {
  readonly context: SecureContextOptions;
  /** Whether clients must show a certificate. */
  readonly mutual: boolean;
  /** When the certificate ends. */
  readonly notAfterMs: UnixMs;
};

/**
 * Reads and checks the files of `http.tls`.
 *
 * Errors: `tls_unreadable`, `tls_invalid` (invalid): a file that is no PEM, a certificate that is expired or not made for this key. No fault
 * repeats what is in the key's file.
 */
export function readTls({ certFile, keyFile, clientCaFile }: TlsFiles, nowMs: UnixMs): TlsMaterial {
  const cert = read("cert_file", certFile);
  const key = read("key_file", keyFile);
  const [own] = certificates("cert_file", certFile, cert);
  const privateKey = parsed("key_file", keyFile, "a private key without a passphrase", () => createPrivateKey(key));
  if (!own!.checkPrivateKey(privateKey)) {
    throw invalid(
      "key_file",
      keyFile,
      `is not the key of the certificate in ${certFile} (${subject(own!)}): give the two that belong together`,
    );
  }
  const notAfterMs = Date.parse(own!.validTo) as UnixMs;
  if (notAfterMs <= nowMs) throw invalid("cert_file", certFile, `ended on ${own!.validTo} (${subject(own!)}): renew it`);
  const ca = clientCaFile === "" ? undefined : read("client_ca_file", clientCaFile);
  if (ca !== undefined) {
    for (const authority of certificates("client_ca_file", clientCaFile, ca)) {
      if (!authority.ca)
        throw invalid(
          "client_ca_file",
          clientCaFile,
          `holds a certificate that may not sign others (${subject(authority)}): give the authority's`,
        );
    }
  }
  // TLS 1.2 with forward secrecy and authenticated ciphers only, or 1.3.
  const context: SecureContextOptions = { cert, key, minVersion: "TLSv1.2", ciphers: CIPHERS, ...(ca === undefined ? {} : { ca }) };
  parsed("cert_file", certFile, "usable for TLS", () => createSecureContext(context));
  return { context, mutual: ca !== undefined, notAfterMs };
}

const CIPHERS = [
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "TLS_AES_128_GCM_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

type FileKey = "cert_file" | "key_file" | "client_ca_file";

function read(name: FileKey, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new CodedError("tls_unreadable", FaultKind.Invalid, `cannot read http.tls.${name} ${path}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function certificates(name: FileKey, path: string, pem: Buffer): readonly X509Certificate[] {
  const found = pem.toString("latin1").match(PEM_CERTIFICATE) ?? [];
  if (found.length === 0) throw invalid(name, path, "holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)");
  return found.map((one) => parsed(name, path, "a certificate in PEM form", () => new X509Certificate(one)));
}

function parsed<Value>(name: FileKey, path: string, wanted: string, parse: () => Value): Value {
  try {
    return parse();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw invalid(name, path, `is not ${wanted}${code === undefined ? "" : ` (${code})`}`);
  }
}

function subject(certificate: X509Certificate): string {
  return certificate.subject.replaceAll("\n", ", ") || certificate.subjectAltName || `serial ${certificate.serialNumber}`;
}

function invalid(name: FileKey, path: string, problem: string): CodedError {
  return new CodedError("tls_invalid", FaultKind.Invalid, `http.tls.${name} ${path} ${problem}`, { facts: { file: path } });
}

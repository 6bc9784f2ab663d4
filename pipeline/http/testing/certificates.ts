import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A certificate with its key, as files. */
export type CertificateFiles = { readonly certFile: string; readonly keyFile: string };

/** An authority of a test's own, which signs certificates for loopback addresses. */
export class TestAuthority {
  readonly folder = mkdtempSync(join(tmpdir(), "brazier-certificates-"));
  readonly caFile = join(this.folder, "ca.pem");
  readonly #caKeyFile = join(this.folder, "ca.key");
  #count = 0;

  constructor(name = "authority of a test") {
    openssl(["req", "-x509", ...NEW_KEY, "-keyout", this.#caKeyFile, "-out", this.caFile, "-days", "2", "-subj", `/CN=${name}`]);
  }

  /** Valid for two days from now. */
  issue(name: string): CertificateFiles {
    const stem = join(this.folder, `${this.#count++}-${name}`);
    const [keyFile, requestFile, certFile, extensions] = [".key", ".csr", ".pem", ".ext"].map((ending) => stem + ending) as [
      string,
      string,
      string,
      string,
    ];
    writeFileSync(
      extensions,
      "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=CA:FALSE\n",
    );
    openssl(["req", ...NEW_KEY, "-keyout", keyFile, "-out", requestFile, "-subj", `/CN=${name}`]);
    const signer = ["-CA", this.caFile, "-CAkey", this.#caKeyFile, "-CAcreateserial"];
    openssl(["x509", "-req", "-in", requestFile, ...signer, "-out", certFile, "-extfile", extensions, "-days", "2"]);
    return { certFile, keyFile };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

function openssl(args: readonly string[]): void {
  execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
}

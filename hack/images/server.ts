import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../tidy/repository.ts";
import { ociArchive } from "./oci.ts";
import { sbom } from "./sbom.ts";
import { APP, NODE, productionPackages, serverFiles } from "./server-files.ts";

/*
 * The image of the server and the operator, for the architecture of this machine: no docker, no base image, no shell in it.
 *
 *   node hack/images/server.ts --name brazier:0.1.0 --out dist/brazier.oci.tar
 *
 * Writes the list of what is in it (CycloneDX) beside the archive. The same sources and packages give the same bytes.
 */

const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
const { values } = parseArgs({
  options: {
    name: { type: "string", default: `brazier:${version}` },
    out: { type: "string", default: join(ROOT, "dist/brazier.oci.tar") },
  },
});
if (!existsSync(join(ROOT, "ui/dist/index.html"))) {
  execFileSync("npm", ["run", "ui:build", "--silent"], { cwd: ROOT, stdio: ["ignore", "ignore", "inherit"] });
}
const bill = sbom(version, productionPackages());
const files = [...serverFiles(), { path: "sbom.cdx.json", bytes: Buffer.from(bill), mode: 0o644 }];
const archive = ociArchive([{ architecture: process.arch === "arm64" ? "arm64" : "amd64", files }], {
  name: values.name,
  // What bin/brazier does for a checkout.
  entrypoint: [`/${NODE}`, "--max-semi-space-size=2", "--disable-warning=ExperimentalWarning", `/${APP}/pipeline/cli/main.ts`],
  env: ["MALLOC_ARENA_MAX=2", "NODE_ENV=production", "HOME=/tmp"],
  user: "65532:65532",
  labels: { "org.opencontainers.image.version": version, "org.opencontainers.image.licenses": "Apache-2.0" },
});
mkdirSync(dirname(values.out), { recursive: true });
writeFileSync(values.out, archive);
writeFileSync(values.out.replace(/\.tar$/, "") + ".cdx.json", bill);
console.log(`${values.out}: ${values.name}, ${(archive.length / 1e6).toFixed(1)} MB`);

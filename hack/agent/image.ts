import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ociArchive } from "../images/oci.ts";
import { ROOT } from "../tidy/repository.ts";
import { ARCHITECTURES, type Architecture, buildAgent } from "./build.ts";
import { collectLicenses } from "./licenses.ts";
import { AGENT } from "./patched-module.ts";

/*
 * The agent's image, from nothing but the binary and its licenses: no docker, no base image.
 *
 *   node hack/agent/image.ts --arch amd64,arm64 --name brazier-agent:0.1.0 --out agent/bin/brazier-agent.oci.tar
 */

const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
const { values } = parseArgs({
  options: {
    arch: { type: "string", default: ARCHITECTURES.join(",") },
    name: { type: "string", default: `brazier-agent:${version}` },
    out: { type: "string", default: join(AGENT, "bin/brazier-agent.oci.tar") },
  },
});
const licenses = Buffer.from(collectLicenses());
const platforms = values.arch.split(",").map((architecture) => {
  if (!ARCHITECTURES.includes(architecture as Architecture)) {
    throw new Error(`no such architecture: ${architecture}; there are ${ARCHITECTURES.join(", ")}`);
  }
  return {
    architecture,
    files: [
      { path: "brazier-agent", bytes: readFileSync(buildAgent(architecture as Architecture)), mode: 0o755 },
      { path: "licenses/THIRD_PARTY.txt", bytes: licenses, mode: 0o644 },
    ],
  };
});
const archive = ociArchive(platforms, {
  name: values.name,
  entrypoint: ["/brazier-agent"],
  // The profiler needs uid 0; what it may do is cut to its capabilities by whoever runs it.
  user: "0:0",
  labels: { "org.opencontainers.image.version": version, "org.opencontainers.image.licenses": "Apache-2.0 AND GPL-2.0-only" },
});
writeFileSync(values.out, archive);
console.log(`${values.out}: ${values.name}, ${(archive.length / 1e6).toFixed(1)} MB`);

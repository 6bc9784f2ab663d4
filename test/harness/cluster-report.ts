import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EventObject, hasRestarted, hasTrouble, type Pod, type StackObject, troubleOf } from "./cluster-trouble.ts";
import { type ClusterNode, nodeLogs } from "./node.ts";

const TELLING_LINES = 6;

/**
 * Writes what is worth reading after a failure into a folder of its own (in BRAZIER_E2E_LOGS, else with temporary files): objects, events, logs of all
 * containers and of the node's processes. Gives the folder, and the lines to look at first.
 */
export async function writeReport(node: ClusterNode): Promise<{ readonly folder: string; readonly telling: readonly string[] }> {
  const folder = mkdtempSync(join(process.env["BRAZIER_E2E_LOGS"] ?? tmpdir(), "brazier-e2e-logs-"));
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  // A cluster that does not answer is to be reported, too.
  const kubectl = (...args: readonly string[]): Promise<string> => node.kubectl(["--request-timeout=20s", ...args]).catch(String);
  const list = async <Item>(...args: readonly string[]): Promise<readonly Item[]> => {
    const text = await kubectl("get", ...args, "-A", "-o", "json");
    try {
      return (JSON.parse(text) as { readonly items: readonly Item[] }).items;
    } catch {
      write("unanswered.txt", text);
      return [];
    }
  };
  for (const [name, log] of nodeLogs(node.folder)) write(`node-${name}`, log);
  write("overview.txt", await kubectl("get", "all,pvc,pv,pstack", "-A", "-o", "wide"));
  write("stacks.yaml", await kubectl("get", "pstack", "-A", "-o", "yaml"));
  write("objects.yaml", await kubectl("get", "pods,deployments,statefulsets,daemonsets,hpa,services,configmaps", "-A", "-o", "yaml"));
  write("events.txt", await kubectl("get", "events", "-A", "--sort-by=.lastTimestamp"));
  const pods = await list<Pod>("pods");
  const lastLines: string[] = [];
  for (const pod of pods) {
    const { namespace, name } = pod.metadata;
    const log = await kubectl("-n", namespace, "logs", name, "--all-containers", "--prefix");
    write(`pod-${namespace}-${name}.log`, log);
    if (!hasTrouble(pod)) continue;
    lastLines.push(...log.trim().split("\n").slice(-TELLING_LINES));
    if (!hasRestarted(pod)) continue;
    const before = await kubectl("-n", namespace, "logs", name, "--all-containers", "--prefix", "--previous");
    write(`pod-${namespace}-${name}-before.log`, before);
    lastLines.push(...before.trim().split("\n").slice(-TELLING_LINES));
  }
  const events = await list<EventObject>("events", "--sort-by=.lastTimestamp");
  return { folder, telling: [...troubleOf(await list<StackObject>("pstack"), pods, events), ...lastLines] };
}

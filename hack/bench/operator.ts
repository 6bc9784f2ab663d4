import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { OPTIONAL_KINDS } from "../../operator/desired/monitoring.ts";
import { LEASE_TIMES } from "../../operator/leader/lease.ts";
import { LOOK_EVERY_MS } from "../../operator/watch/known-kinds.ts";
import { type ApiServerProcess, startApiServer, whyNoApiServer } from "../../test/harness/api-server.ts";
import { type OperatorProcess, startOperator } from "../../test/harness/operator.ts";
import { ROOT } from "../tidy/repository.ts";
import { figuresOf } from "./process-figures.ts";
import type { Row } from "./table.ts";

/* What the operator costs while nothing changes: with one stack, beside thousands of pods that are not its own, and with 50 stacks. */

const STACKS = 50;
const PODS = 2000;
/** A whole round of looking at every settled stack. */
const WATCH_MS = 120_000;
const QUIET_MS = 15_000;
const HOUR_MS = 3_600_000;
const LEASE_AN_HOUR = HOUR_MS / LEASE_TIMES.renewMs;
const KINDS_AN_HOUR = (HOUR_MS / LOOK_EVERY_MS) * new Set(Object.values(OPTIONAL_KINDS).map(({ apiVersion }) => apiVersion)).size;

export async function operatorBench(): Promise<{ readonly rows: readonly Row[]; readonly notes: readonly string[] }> {
  const unable = whyNoApiServer();
  if (unable !== undefined) throw new Error(`the operator cannot be measured here: ${unable}`);
  const api = await startApiServer();
  let operator: OperatorProcess | undefined;
  try {
    api.kubectl(["apply", "--server-side", "-f", join(ROOT, "crds")]);
    api.kubectl(["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
    operator = await startOperator(api.kubeconfig);
    const rows: Row[] = [];
    await settle(api, operator, ["stack-0"]);
    rows.push(...(await atRest(operator, "1 stack")));
    createPods(api);
    await settle(api, operator, []);
    rows.push(...(await atRest(operator, `1 stack, ${PODS} pods of others`)));
    const began = performance.now();
    const names = Array.from({ length: STACKS - 1 }, (_, at) => `stack-${at + 1}`);
    await settle(api, operator, names);
    rows.push({ figure: `${STACKS - 1} more stacks made`, ours: (performance.now() - began - QUIET_MS) / 1000, unit: "s" });
    rows.push(...(await atRest(operator, `${STACKS} stacks`)));
    const notes = [
      `each stack is of size small with its own NATS; at rest is ${WATCH_MS / 60_000} minutes in which nothing is changed`,
      `requests do not count watches; ${LEASE_AN_HOUR} an hour keep the lease, ${KINDS_AN_HOUR} look for kinds that others bring`,
    ];
    return { rows, notes };
  } finally {
    await operator?.stop();
    await api.stop();
  }
}

function createPods(api: ApiServerProcess): void {
  const items = Array.from({ length: PODS }, (_, at) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: `other-${at}`, namespace: "others", labels: { app: `app-${at % 50}` } },
    spec: { containers: [{ name: "main", image: "example.com/other:1" }] },
  }));
  api.kubectl(["create", "namespace", "others"]);
  // The account of a namespace is made by a controller, and no pod is taken before.
  api.kubectl(["-n", "others", "wait", "--for=create", "serviceaccount/default", "--timeout=60s"]);
  api.kubectl(["create", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
}

/** Makes the stacks, and waits until the operator has written nothing for a while. */
async function settle(api: ApiServerProcess, operator: OperatorProcess, names: readonly string[]): Promise<void> {
  const items = names.map((name) => ({
    apiVersion: "profiling.brazier.dev/v1alpha1",
    kind: "ProfilingStack",
    metadata: { name, namespace: "default" },
    spec: { storage: { s3: { bucket: "profiles", instance: {} } } },
  }));
  if (items.length > 0) api.kubectl(["create", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  for (let [writes, sinceMs] = [-1, performance.now()]; performance.now() - sinceMs < QUIET_MS; ) {
    const now = (await calls(operator)).patches;
    if (now !== writes) [writes, sinceMs] = [now, performance.now()];
    await pause(500);
  }
}

async function atRest(operator: OperatorProcess, when: string): Promise<readonly Row[]> {
  const pid = operator.child.pid as number;
  const [before, callsBefore, began] = [figuresOf(pid), await calls(operator), performance.now()];
  await pause(WATCH_MS);
  const [after, callsAfter, elapsedMs] = [figuresOf(pid), await calls(operator), performance.now() - began];
  const row = (figure: string, ours: number, unit: string): Row => ({ figure: `${when}: ${figure}`, ours, unit });
  return [
    row("memory", after.restBytes / 1e6, "MB"),
    row("CPU", (100 * (after.cpuMs - before.cpuMs)) / elapsedMs, "% of a core"),
    row("requests", ((callsAfter.all - callsBefore.all) * 3_600_000) / elapsedMs, "an hour"),
    row("writes to stacks and their objects", callsAfter.patches - callsBefore.patches, `in ${WATCH_MS / 60_000} min`),
  ];
}

async function calls(operator: OperatorProcess): Promise<{ readonly all: number; readonly patches: number }> {
  const text = await (await fetch(`${operator.url}/metrics`)).text();
  let [all, patches] = [0, 0];
  for (const [, labels = "", count] of text.matchAll(/^brazier_operator_api_calls_total\{([^}]*)\} (\d+)/gm)) {
    all += Number(count);
    if (labels.includes('verb="patch"')) patches += Number(count);
  }
  return { all, patches };
}

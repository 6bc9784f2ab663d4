import { MINUTE_MS, type UnixMs } from "../../pipeline/base/units.ts";
import type { Outcome } from "../apply/outcome.ts";
import { type Context, contextOf, type Settings } from "../desired/context.ts";
import { HTTP_PORT, hostOf, OTLP_GRPC_PORT, OTLP_HTTP_PORT, selectorOf, selectorText } from "../desired/names.ts";
import { countsOf, isHealthy, partsToUpgrade, runningTag, workloadOf } from "../desired/rollout.ts";
import type { Observed } from "../observe/observed.ts";
import { type AwayServer, nextServer } from "../restart/next-server.ts";
import type { ProfilingStackStatus } from "../types/profiling-stack.ts";
import { isoSeconds, sinceOf } from "./moments.ts";
import { scalingOf } from "./scaling.ts";

type Condition = NonNullable<ProfilingStackStatus["conditions"]>[number];
type Finding = { readonly type: string; readonly status: Condition["status"]; readonly reason: string; readonly message: string };
type Component = NonNullable<ProfilingStackStatus["components"]>[number];

/** What the status should say. Pure: the moment is an argument, and a condition keeps its moment while it stays what it is. */
export function describe(observed: Observed, outcome: Outcome, settings: Settings, nowMs: UnixMs): ProfilingStackStatus {
  const context = contextOf(observed, settings);
  const { stack } = observed;
  const components = componentsOf(context);
  const before = stack.status?.conditions ?? [];
  const conditions = findings(context, outcome, components, nowMs).map((finding): Condition => {
    const known = before.find(({ type }) => type === finding.type);
    const since = sinceOf(known, finding.status) ?? isoSeconds(nowMs);
    return { ...finding, observedGeneration: stack.metadata.generation ?? 0, lastTransitionTime: since };
  });
  const upgrade = upgradeOf(context);
  const scaling = scalingOf(context, outcome.kind === "applied", nowMs);
  const version = runningTag(context, upgrade?.waiting?.at(-1) ?? (context.isDemo ? "all" : "ingest"));
  const query = components.find(({ name }) => name === (context.isDemo ? "all" : "query"));
  const sum = (field: "wanted" | "ready"): number => components.reduce((total, component) => total + component[field], 0);
  return {
    // Work that is refused is settled, too: the user's turn.
    observedGeneration: stack.metadata.generation ?? 0,
    ...(version === undefined ? {} : { version }),
    ready: `${sum("ready")}/${sum("wanted")}`,
    conditions,
    components,
    endpoints: endpointsOf(context),
    ...(upgrade === undefined ? {} : { upgrade }),
    ...(scaling.length === 0 ? {} : { scaling }),
    query: { replicas: query?.wanted ?? 0, selector: selectorText(selectorOf(context.key, context.isDemo ? "all" : "query")) },
  };
}

function componentsOf(context: Context): readonly Component[] {
  const names = context.isDemo ? ["all", "agent"] : ["nats", "ingest", "segment", "compact", "query", "agent"];
  return names.flatMap((name): readonly Component[] => {
    const workload = workloadOf(context, name);
    if (workload === undefined) return [];
    const version = runningTag(context, name);
    return [{ name, ...countsOf(workload), ...(version === undefined ? {} : { version }) }];
  });
}

function findings(context: Context, outcome: Outcome, components: readonly Component[], nowMs: UnixMs): readonly Finding[] {
  const { stack } = context.observed;
  const waiting = components.filter(({ wanted, ready }) => ready < wanted).map(({ name, wanted, ready }) => `${name} ${ready}/${wanted}`);
  const rolling = components
    .map(({ name }) => name)
    .filter((name) => {
      const workload = workloadOf(context, name);
      return workload !== undefined && !isHealthy(workload);
    });
  const trouble = troubleOf(outcome, stack.status?.conditions ?? []) ?? stuckServer(context, nowMs);
  const paused = stack.spec.paused;
  const complete = components.length > 0 && rolling.length === 0;
  const finding = (type: string, isSo: boolean | undefined, reason: string, message: string): Finding => ({
    type,
    status: isSo === undefined ? "Unknown" : isSo ? "True" : "False",
    reason,
    message,
  });
  const wait =
    waiting.length > 0
      ? `waiting for pods: ${waiting.join(", ")}`
      : rolling.length > 0
        ? `pods are being replaced: ${rolling.join(", ")}`
        : "objects are being made";
  const progressing = trouble === undefined && !complete;
  return [
    trouble !== undefined
      ? finding("Ready", false, trouble.reason, trouble.message)
      : finding("Ready", complete, complete ? "AllReady" : "PodsNotReady", complete ? "everything runs" : wait),
    finding(
      "Progressing",
      progressing,
      paused ? "Paused" : progressing ? "RollingOut" : "Settled",
      paused ? "spec.paused is set: nothing is changed" : progressing ? wait : "nothing is under way",
    ),
    trouble === undefined
      ? finding("Degraded", false, "AsExpected", "nothing is wrong")
      : finding("Degraded", true, trouble.reason, trouble.message),
    storageFinding(context, outcome, components),
    queueFinding(context, nowMs),
    // Words of kstatus, for tools that wait.
    finding("Reconciling", progressing, progressing ? "RollingOut" : "Settled", progressing ? wait : "nothing is under way"),
    finding("Stalled", trouble?.forUser ?? false, trouble?.reason ?? "AsExpected", trouble?.message ?? "nothing is wrong"),
  ];
}

type Trouble = { readonly reason: string; readonly message: string; readonly forUser: boolean };

function troubleOf(outcome: Outcome, before: readonly Condition[]): Trouble | undefined {
  switch (outcome.kind) {
    case "refused":
      return {
        reason: outcome.faults[0]?.reason ?? "Refused",
        message: outcome.faults.map(({ message }) => message).join("; "),
        forUser: true,
      };
    case "failed":
      return {
        reason: "ApplyFailed",
        message: outcome.errors
          .map(({ rawMessage }) => rawMessage)
          .join("; ")
          .slice(0, 4000),
        forUser: false,
      };
    case "looked":
    case "paused": {
      // What the last full look found still holds.
      const known = before.find(({ type, status, reason }) => type === "Degraded" && status === "True" && reason !== SERVER_STUCK);
      const stalled = before.some(({ type, status }) => type === "Stalled" && status === "True");
      return known === undefined ? undefined : { reason: known.reason, message: known.message, forUser: stalled };
    }
    case "applied":
      return undefined;
  }
}

/** Servers are ready only while a write to the bucket can succeed. */
function storageFinding(context: Context, outcome: Outcome, components: readonly Component[]): Finding {
  const type = "StorageReady";
  const fault = outcome.kind === "refused" ? outcome.faults.find(({ path }) => path.startsWith("spec.storage")) : undefined;
  if (fault !== undefined) return { type, status: "False", reason: fault.reason, message: fault.message };
  const server = components.find(({ name }) => name === (context.isDemo ? "all" : "segment"));
  if (server === undefined) return { type, status: "Unknown", reason: "NotRunning", message: "no server has tried the bucket yet" };
  if (server.ready > 0) return { type, status: "True", reason: "Writable", message: "servers can write" };
  return {
    type,
    status: "False",
    reason: "NotConfirmed",
    message: `no ${server.name} pod is ready: if it stays so, its /ready and log name what is wrong with the bucket`,
  };
}

const SERVER_STUCK = "NatsServerStuck";
/** Far longer than a server with a large store needs to become current. */
const STUCK_AFTER_MS = 10 * MINUTE_MS;

function stuckServer(context: Context, nowMs: UnixMs): Trouble | undefined {
  const away = awayServer(context, nowMs);
  if (away === undefined || nowMs - away.sinceMs < STUCK_AFTER_MS) return undefined;
  return { reason: SERVER_STUCK, message: awayText(context, away), forUser: true };
}

function awayServer({ observed }: Context, nowMs: UnixMs): AwayServer | undefined {
  const step = observed.natsServers === undefined ? undefined : nextServer(observed.natsServers, nowMs);
  return step?.kind === "waits" ? step.away : undefined;
}

function awayText(context: Context, { name, sinceMs }: AwayServer): string {
  const { namespace } = context.key;
  const workload = workloadOf(context, "nats");
  const { wanted, ready } = workload === undefined ? { wanted: 0, ready: 0 } : countsOf(workload);
  // Only where the others have everything.
  const anew = ready * 2 > wanted && wanted > 1;
  const remedy = anew ? `; where its volume is lost, delete the claim data-${name} and the pod, and it takes its part from the others` : "";
  return `NATS server ${name} is not ready since ${isoSeconds(sinceMs)}, and no other is restarted until it is: see kubectl -n ${namespace} logs ${name}${remedy}`;
}

function queueFinding(context: Context, nowMs: UnixMs): Finding {
  const type = "QueueReady";
  if (context.isDemo) return { type, status: "True", reason: "InProcess", message: "a demo needs no queue" };
  const external = context.spec.queue?.external !== undefined;
  const workload = workloadOf(context, external ? "ingest" : "nats");
  if (workload === undefined) return { type, status: "Unknown", reason: "NotRunning", message: "the queue is not there yet" };
  const { wanted, ready } = countsOf(workload);
  if (external) {
    return ready > 0
      ? { type, status: "True", reason: "Reachable", message: "ingest reaches the queue" }
      : { type, status: "False", reason: "NotConfirmed", message: "no ingest pod is ready: its log names what is wrong with the queue" };
  }
  const away = awayServer(context, nowMs);
  const waits = away === undefined ? "" : `; ${awayText(context, away)}`;
  return ready * 2 > wanted
    ? { type, status: "True", reason: "MajorityReady", message: `${ready} of ${wanted} NATS servers are ready${waits}` }
    : {
        type,
        status: "False",
        reason: "NoMajority",
        message: `${ready} of ${wanted} NATS servers are ready${waits || `: see pods of StatefulSet ${workload.metadata.name}`}`,
      };
}

function endpointsOf({ key, spec }: Context): NonNullable<ProfilingStackStatus["endpoints"]> {
  const scheme = spec.expose.tls === undefined ? "http" : "https";
  const { ingress, httpRoute } = spec.expose;
  const host = ingress?.host ?? httpRoute?.hostnames?.[0];
  return {
    push: `${scheme}://${hostOf(key, "ingest")}:${HTTP_PORT}`,
    query: `${scheme}://${hostOf(key, "query")}:${HTTP_PORT}`,
    otlpGrpc: `${hostOf(key, "ingest")}:${OTLP_GRPC_PORT}`,
    otlpHttp: `${scheme}://${hostOf(key, "ingest")}:${OTLP_HTTP_PORT}`,
    ...(host === undefined
      ? {}
      : { external: `${ingress !== undefined && ingress.tlsSecretName === undefined ? "http" : "https"}://${host}` }),
  };
}

function upgradeOf(context: Context): ProfilingStackStatus["upgrade"] {
  const [component, ...waiting] = partsToUpgrade(context);
  if (component === undefined) return undefined;
  const from = runningTag(context, component);
  return { ...(from === undefined ? {} : { from }), to: context.version, component, waiting };
}

/** The condition that people look at first, for events. */
export function readyCondition(status: { readonly conditions?: ProfilingStackStatus["conditions"] } | undefined): Condition | undefined {
  return status?.conditions?.find(({ type }) => type === "Ready");
}

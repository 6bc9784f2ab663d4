import { KubeConfig } from "@kubernetes/client-node";
import { systemClock } from "../pipeline/base/clock.ts";
import type { Log } from "../pipeline/base/log.ts";
import { createRegistry } from "../pipeline/base/metrics.ts";
import { systemRandom } from "../pipeline/base/random.ts";
import { AppliedObjects } from "./apply/apply.ts";
import type { Settings } from "./desired/context.ts";
import { keepPolicies } from "./keep-policies.ts";
import { ApiServer } from "./kube/cluster.ts";
import { leadWhile } from "./leader/lease.ts";
import { operatorMetrics } from "./metrics.ts";
import { reconcile, verdictOf } from "./reconcile.ts";
import { InFlightOffer } from "./scaling/in-flight-offer.ts";
import { LoadWatch } from "./scaling/load-watch.ts";
import { readPage } from "./scaling/read-page.ts";
import { loadTargets, metricsUrl, wantsAnother } from "./scaling/targets.ts";
import { serveStatus } from "./status-server.ts";
import { type Verdict, WorkQueue } from "./watch/work-queue.ts";
import { watchWorld } from "./world.ts";

export type OperatorOptions = {
  readonly settings: Settings;
  /** Only stacks of this namespace; all when undefined. */
  readonly watchNamespace: string | undefined;
  /** Where the lease lies. */
  readonly namespace: string;
  readonly identity: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly kubeconfig: string | undefined;
  /** Where metrics of a stack's parts are: an address in which {service} and {namespace} are filled in. */
  readonly metricsUrl: string | undefined;
};

/** Stacks looked at side by side; one alone needs only a few requests at a time. */
const WORKERS = 4;

/** They are judged against each other, so they are one piece of work. */
const ALL_POLICIES = "policies";

/** Runs until the signal, or until the lease is lost: then the process ends, and its successor begins with a clean memory. */
export async function runOperator(options: OperatorOptions, log: Log, signal: AbortSignal): Promise<"stopped" | "lost"> {
  const config = new KubeConfig();
  if (options.kubeconfig === undefined) config.loadFromDefault();
  else config.loadFromFile(options.kubeconfig);
  const [clock, random, registry] = [systemClock, systemRandom, createRegistry()];
  let queue: WorkQueue | undefined;
  let state: "waiting" | "reading" | "leading" = "waiting";
  const metrics = operatorMetrics(registry, { queued: () => queue?.depth ?? 0, leading: () => state === "leading" });
  const cluster = new ApiServer(config, (verb, kind, code) => metrics.calls.inc({ verb, kind, code: String(code) }));
  const server = await serveStatus(options.port, registry, () => state !== "reading");
  log.info({ port: server.port, identity: options.identity, version: options.settings.version }, "operator started");

  const lead = async (lost: AbortSignal): Promise<void> => {
    state = "reading";
    const woken: WorkQueue = new WorkQueue({ clock, random, work: (key, depth) => work(key, depth) });
    queue = woken;
    const policies: WorkQueue = new WorkQueue({ clock, random, work: () => workOnPolicies() });
    const world = await watchWorld({ cluster, config, clock, random, log }, options.watchNamespace, {
      stack: (key, depth) => woken.add(`${key.namespace}/${key.name}`, depth),
      policies: () => policies.add(ALL_POLICIES, "status"),
    });
    const applied = new AppliedObjects();
    const inFlight = new InFlightOffer(cluster, clock);
    const load: LoadWatch = new LoadWatch({
      clock,
      log,
      targets: () => loadTargets(world),
      read: (target, ending) => readPage(metricsUrl(target, options.metricsUrl), target.part.metrics, ending),
      onLook: ({ key, part }) => {
        const looks = load.looksOf(key, part.component);
        if (wantsAnother(world, { key, part }, looks)) woken.add(`${key.namespace}/${key.name}`, "full");
      },
    });
    const work = async (text: string, depth: "full" | "status"): Promise<Verdict> => {
      const [namespace = "", name = ""] = text.split("/");
      const startMs = clock.monotonicMs();
      try {
        const outcome = await reconcile({ namespace, name }, depth, {
          cluster,
          world,
          load,
          inFlight,
          clock,
          random,
          settings: options.settings,
          applied,
          log,
        });
        metrics.reconciles.inc({ outcome: outcome?.kind ?? "gone" });
        if (outcome?.kind === "applied" && outcome.changed.length + outcome.replaced.length + outcome.removed.length > 0)
          log.info(
            { namespace, stack: name, changed: outcome.changed, replaced: outcome.replaced, removed: outcome.removed },
            "stack applied",
          );
        if (outcome?.kind === "failed")
          log.warn({ namespace, stack: name, err: outcome.errors[0], errors: outcome.errors.length }, "stack not applied");
        return verdictOf(outcome);
      } catch (error) {
        metrics.reconciles.inc({ outcome: "error" });
        log.error({ namespace, stack: name, err: error }, "reconciliation failed");
        return { kind: "failed" };
      } finally {
        metrics.seconds.observe((clock.monotonicMs() - startMs) / 1000);
      }
    };
    const workOnPolicies = async (): Promise<Verdict> => {
      try {
        await keepPolicies(world, { cluster, clock, log });
        return { kind: "done" };
      } catch (error) {
        log.error({ err: error }, "status of policies not written");
        return { kind: "failed" };
      }
    };
    if (!lost.aborted) {
      state = "leading";
      woken.start(WORKERS);
      policies.start(1);
      load.start();
      await new Promise<void>((resolve) => lost.addEventListener("abort", () => resolve(), { once: true }));
    }
    await load.stop();
    await Promise.all([woken.stop(), policies.stop()]);
    await world.stop();
    state = "waiting";
  };
  try {
    await leadWhile(
      { namespace: options.namespace, name: "brazier-operator", identity: options.identity },
      { cluster, clock, log },
      lead,
      signal,
    );
  } finally {
    await server.stop();
  }
  return signal.aborted ? "stopped" : "lost";
}

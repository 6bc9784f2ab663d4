import { type Context, contextOf, type Settings } from "../desired/context.ts";
import { OPTIONAL_KINDS } from "../desired/monitoring.ts";
import { NATS_SERVERS } from "../desired/names.ts";
import { workloadOf } from "../desired/rollout.ts";
import { natsShape } from "../desired/server-settings.ts";
import { kindId, numberAt } from "../kube/object.ts";
import type { Observed } from "../observe/observed.ts";
import { secretReferences } from "./secret-references.ts";

/** Something that the user must change; `heals` where the world can put it right while the spec stays. */
export type SpecFault = {
  readonly path: string;
  readonly reason: "SecretMissing" | "SecretKeyMissing" | "KindMissing" | "QueueExchanged" | "QueueResized";
  readonly message: string;
};

/** Everything that is wrong with a stack and that the API server could not see, all at once. Pure. */
export function validate(observed: Observed, settings: Settings): readonly SpecFault[] {
  return [...secretFaults(observed), ...kindFaults(observed), ...queueFaults(contextOf(observed, settings))];
}

const LOST = "what waits in it would be lost";

/**
 * The kind's own rules refuse these changes, too; but a cluster may still have an older form of the kind, which Helm never replaces, and what a
 * size stands for may change with the operator.
 */
function queueFaults(context: Context): readonly SpecFault[] {
  const { spec, isDemo } = context;
  const running = workloadOf(context, "nats");
  // One that is on its way out is nobody's queue.
  if (running === undefined || running.metadata.deletionTimestamp !== undefined) return [];
  const fault = (path: string, reason: SpecFault["reason"], message: string): readonly SpecFault[] => [
    { path, reason, message: `${path}: ${message}` },
  ];
  if (isDemo || spec.queue?.external !== undefined) {
    const remedy = "take the change back; when nothing waits any more, delete the stack and create it anew: its bucket stays";
    return fault(isDemo ? "spec.size" : "spec.queue.external", "QueueExchanged", `the stack has a NATS of its own, and ${LOST}: ${remedy}`);
  }
  const had = Number(running.metadata.annotations?.[NATS_SERVERS] ?? numberAt(running, "spec", "replicas") ?? 1);
  const wanted = natsShape(context).replicas;
  if (wanted === had || (had === 3 && wanted === 5)) return [];
  const path = spec.queue?.nats?.replicas === undefined ? "spec.size" : "spec.queue.nats.replicas";
  return fault(path, "QueueResized", `the stack's NATS has ${had} servers; with ${wanted} ${LOST}: set spec.queue.nats.replicas to ${had}`);
}

function secretFaults({ stack, secrets }: Observed): readonly SpecFault[] {
  return secretReferences(stack.spec).flatMap(({ path, name, keys }): readonly SpecFault[] => {
    const secret = secrets.get(name);
    const { namespace } = stack.metadata;
    if (secret === undefined)
      return [
        {
          path,
          reason: "SecretMissing",
          message: `${path}: there is no Secret ${name} in namespace ${namespace}: create it, or name another one`,
        },
      ];
    return keys
      .filter((key) => (secret[key] ?? "") === "")
      .map((key) => ({
        path,
        reason: "SecretKeyMissing",
        message: `${path}: Secret ${name} has no key ${key}: add it, or name another key`,
      }));
  });
}

function kindFaults({ stack, kinds }: Observed): readonly SpecFault[] {
  const { monitoring, expose, segment } = stack.spec;
  const asked = {
    "spec.monitoring.serviceMonitor": monitoring.serviceMonitor === "Always" ? OPTIONAL_KINDS.serviceMonitor : undefined,
    "spec.monitoring.prometheusRule": monitoring.prometheusRule === "Always" ? OPTIONAL_KINDS.prometheusRule : undefined,
    "spec.monitoring.grafanaDatasource": monitoring.grafanaDatasource === "Always" ? OPTIONAL_KINDS.grafanaDatasource : undefined,
    "spec.segment.autoscaling.by": segment?.autoscaling?.by === "KEDA" ? OPTIONAL_KINDS.scaledObject : undefined,
    "spec.expose.httpRoute": expose.httpRoute === undefined ? undefined : OPTIONAL_KINDS.httpRoute,
  };
  return Object.entries(asked).flatMap(([path, kind]): readonly SpecFault[] =>
    kind === undefined || kinds.has(kindId(kind))
      ? []
      : [
          {
            path,
            reason: "KindMissing",
            message: `${path}: the cluster does not know ${kind.kind} (${kind.apiVersion}): install its definitions, or ask for something else`,
          },
        ],
  );
}

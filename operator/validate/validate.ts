import { OPTIONAL_KINDS } from "../desired/monitoring.ts";
import { kindId } from "../kube/object.ts";
import type { Observed } from "../observe/observed.ts";
import { secretReferences } from "./secret-references.ts";

/** Something that the user must change; `heals` where the world can put it right while the spec stays. */
export type SpecFault = {
  readonly path: string;
  readonly reason: "SecretMissing" | "SecretKeyMissing" | "KindMissing";
  readonly message: string;
};

/** Everything that is wrong with a stack and that the API server could not see, all at once. Pure. */
export function validate(observed: Observed): readonly SpecFault[] {
  return [...secretFaults(observed), ...kindFaults(observed)];
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

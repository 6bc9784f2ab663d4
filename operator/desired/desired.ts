import type { KubeObject } from "../kube/object.ts";
import type { Observed } from "../observe/observed.ts";
import { buildAccess } from "./access.ts";
import { buildAgent } from "./agent.ts";
import { contextOf, type Settings } from "./context.ts";
import { buildMonitoring } from "./monitoring.ts";
import { buildNats } from "./nats.ts";
import { buildServers } from "./servers.ts";
import { buildSettings } from "./settings-map.ts";

/** Everything that a stack should have, in the order in which it is applied: what others read or wait for comes first. Pure. */
export function buildDesired(observed: Observed, settings: Settings): readonly KubeObject[] {
  const context = contextOf(observed, settings);
  return [
    ...buildSettings(context),
    ...buildNats(context),
    ...buildServers(context),
    ...buildAgent(context),
    ...buildAccess(context),
    ...buildMonitoring(context),
  ];
}

import { stringify } from "yaml";
import type { KubeObject } from "../kube/object.ts";
import { type Context, stackObject } from "./context.ts";
import { serverSettings } from "./server-settings.ts";

/** The configuration file of all servers. */
export function buildSettings(context: Context): readonly KubeObject[] {
  return [
    stackObject(
      context,
      { apiVersion: "v1", kind: "ConfigMap", part: "settings", component: "server" },
      { data: { "brazier.yaml": stringify(serverSettings(context), { lineWidth: 0 }) } },
    ),
  ];
}

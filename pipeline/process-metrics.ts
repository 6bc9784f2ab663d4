import { collectDefaultMetrics } from "prom-client";
import { gauge, type Registry } from "./base/metrics.ts";
import type { BuildInfo } from "./http/status-routes.ts";

/** CPU, memory, event loop delay, file descriptors of this process, under the names every Prometheus dashboard knows; and which build it is. */
export function observeProcess(registry: Registry, build: BuildInfo): void {
  collectDefaultMetrics({ register: registry });
  const info = gauge(registry, {
    name: "brazier_build_info",
    help: "1; the labels say which build this is.",
    labelNames: ["version", "revision", "node_version"],
  });
  info.set({ version: build.version, revision: build.revision, node_version: process.version }, 1);
}

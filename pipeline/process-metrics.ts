import { collectDefaultMetrics } from "prom-client";
import type { Registry } from "./base/metrics.ts";

/** CPU, memory, event loop delay, file descriptors of this process, under the names every Prometheus dashboard knows. */
export function observeProcess(registry: Registry): void {
  collectDefaultMetrics({ register: registry });
}

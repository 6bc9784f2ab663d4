import type { Clock } from "../base/clock.ts";
import type { Registry } from "../base/metrics.ts";
import { histogram } from "../base/metrics.ts";
import type { Request, Response } from "./one-port.ts";

export interface HttpMetrics {
  /** Counts a request when its answer is out. */
  observe(request: Request, response: Response, route: string): void;
  /** `route` is a pattern or an RPC path, never a raw URL: its values are few. */
  observed(method: string, route: string, status: number, durationSeconds: number): void;
}

export function createHttpMetrics(registry: Registry, clock: Clock): HttpMetrics {
  const durations = histogram(registry, {
    name: "brazier_http_request_duration_seconds",
    help: "Time from a request's headers to the end of its answer, by route and status.",
    labelNames: ["method", "route", "status_code"],
  });
  const observed: HttpMetrics["observed"] = (method, route, status, durationSeconds) =>
    durations.observe({ method, route, status_code: String(status) }, durationSeconds);
  return {
    observed,
    observe: (request, response, route) => {
      const startedMs = clock.monotonicMs();
      response.once("close", () => observed(request.method ?? "", route, response.statusCode, (clock.monotonicMs() - startedMs) / 1000));
    },
  };
}

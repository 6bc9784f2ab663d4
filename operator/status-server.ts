import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Running } from "../pipeline/base/lifecycle.ts";
import type { Registry } from "../pipeline/base/metrics.ts";

/** `/metrics`, `/healthz` (it lives) and `/readyz` (its copies of the cluster are complete, or it waits for the lead). */
export async function serveStatus(port: number, registry: Registry, isReady: () => boolean): Promise<Running & { readonly port: number }> {
  const server = createServer(async (request, response) => {
    const answer = (status: number, text: string, type = "text/plain"): ServerResponse =>
      response.writeHead(status, { "content-type": type }).end(text);
    switch (request.url?.split("?")[0]) {
      case "/healthz":
        return answer(200, "ok\n");
      case "/readyz":
        return isReady() ? answer(200, "ready\n") : answer(503, "not ready: the cluster is still being read\n");
      case "/metrics":
        return answer(200, await registry.metrics(), registry.contentType);
      default:
        return answer(404, "there are /metrics, /healthz and /readyz\n");
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

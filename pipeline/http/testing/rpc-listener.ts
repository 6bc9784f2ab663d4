import type { ServerResponse } from "node:http";
import { createContextValues } from "@connectrpc/connect";
import { QuerierService } from "../../api/gen/querier/v1/querier_pb.ts";
import { silentLog } from "../../base/log.ts";
import type { RequestListener } from "../one-port.ts";
import { createRpcAdapter } from "../rpc-adapter.ts";

/** Answers one RPC, and "hello" to everything else. */
export function createRpcAdapterForTest(): RequestListener {
  const rpcs = createRpcAdapter({
    routes: [(router) => router.service(QuerierService, { labelNames: () => ({ names: ["a"] }) })],
    log: silentLog,
    contextValues: () => createContextValues(),
    refusal: () => undefined,
    metered: (body) => body,
  });
  return (request, response) => {
    const path = request.url ?? "/";
    if (rpcs.paths.has(path)) rpcs.answer(path, request, response);
    else (response as ServerResponse).end("hello");
  };
}

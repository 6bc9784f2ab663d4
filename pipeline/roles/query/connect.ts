import type { DescMessage, Message, MessageShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import { QuerierService } from "../../api/gen/querier/v1/querier_pb.ts";
import { decodedMessage, rawMessage } from "../../api/raw-message.ts";
import { isCoded } from "../../base/errors.ts";
import { callerOf } from "../../http/caller.ts";
import { askerOf, QUERIER_METHODS, type QuerierDeps, type QuerierMethod } from "./querier-methods.ts";

/** Registers querier.v1.QuerierService: every call is checked here and answered by {@link QuerierDeps.ask}. */
export function querierRoutes(deps: QuerierDeps): (router: ConnectRouter) => void {
  const handlers = QUERIER_METHODS.map((row) => [row.method.localName, handler(row, deps)] as const);
  return (router) => void router.service(QuerierService, Object.fromEntries(handlers) as Partial<ServiceImpl<typeof QuerierService>>);
}

function handler({ method, check }: QuerierMethod, deps: QuerierDeps): (request: Message, context: HandlerContext) => Promise<Message> {
  return async (request, context) => {
    try {
      const asker = askerOf(callerOf(context.values), deps);
      // Aborted when the call is cancelled, its connection is lost or its deadline is over.
      const bytes = await deps.ask(check(request, asker), { tenants: asker.tenants, signal: context.signal });
      return responseMessage(method.output, bytes, context);
    } catch (error) {
      if (isUnknownFault(error)) throw new ConnectError((error as Error).message, Code.Unknown, undefined, undefined, error);
      throw error;
    }
  };
}

/**
 * Pyroscope answers a heatmap without a query type with code `unknown` (500), and that is recorded as its contract: the only bad
 * input that is not a 4xx here.
 */
export function isUnknownFault(error: unknown): boolean {
  return isCoded(error, "heatmap_query_type_missing");
}

/** Answers leave as the bytes they are; only JSON has to know what is in them. */
function responseMessage<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array, context: HandlerContext): MessageShape<Desc> {
  const wantsJson = /[/+]json\b/.test(context.requestHeader.get("content-type") ?? "");
  return wantsJson ? decodedMessage(schema, bytes) : rawMessage(schema, bytes);
}

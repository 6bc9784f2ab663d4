import { Code, ConnectError, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { PusherService } from "../api/gen/push/v1/push_pb.ts";
import { QuerierService } from "../api/gen/querier/v1/querier_pb.ts";
import { CodedError, FaultKind } from "../base/errors.ts";

export type ClientOptions = { readonly url: string; readonly tenant?: string; readonly token?: string };

/** Clients of a running server. Its faults arrive as `server_said`, an absent server as `server_unreachable`. */
export function createClients(options: ClientOptions) {
  const transport: Transport = createConnectTransport({
    baseUrl: options.url,
    httpVersion: "1.1",
    useBinaryFormat: true,
    interceptors: [credentials(options), explained(options.url)],
  });
  return { pusher: createClient(PusherService, transport), querier: createClient(QuerierService, transport) };
}

function credentials({ tenant, token }: ClientOptions): Interceptor {
  return (next) => (request) => {
    if (tenant !== undefined) request.header.set("x-scope-orgid", tenant);
    if (token !== undefined) request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
}

function explained(url: string): Interceptor {
  return (next) => async (request) => {
    try {
      return await next(request);
    } catch (cause) {
      const error = ConnectError.from(cause);
      const network = (error.cause as NodeJS.ErrnoException | undefined)?.code;
      if (error.code === Code.Unavailable && network !== undefined) {
        throw new CodedError(
          "server_unreachable",
          FaultKind.Unavailable,
          `no server answers at ${url} (${network}): start one with \`npm start\`, or say where with --url`,
          { cause },
        );
      }
      throw new CodedError("server_said", FaultKind.Invalid, `the server at ${url} refused: ${error.rawMessage}`, { cause });
    }
  };
}

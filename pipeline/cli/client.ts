import { ConnectError, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { PusherService } from "../api/gen/push/v1/push_pb.ts";
import { QuerierService } from "../api/gen/querier/v1/querier_pb.ts";
import { CodedError, FaultKind } from "../base/errors.ts";
import { clientTls, type TlsFlags } from "./client-tls.ts";

export type ClientOptions = TlsFlags & { readonly url: string; readonly tenant?: string; readonly token?: string };

/** Clients of a running server. Its faults arrive as `server_said`, an absent server as `server_unreachable`. */
export function createClients(options: ClientOptions) {
  const transport: Transport = createConnectTransport({
    baseUrl: options.url,
    httpVersion: "1.1",
    useBinaryFormat: true,
    nodeOptions: clientTls(options),
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
      if (network !== undefined) throw unreachable(url, error.cause);
      throw new CodedError("server_said", FaultKind.Invalid, `the server at ${url} refused: ${error.rawMessage}`, { cause });
    }
  };
}

/** What Node says of a certificate that cannot be trusted. */
const UNTRUSTED = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME/;
/** What is left of a connection that the other side's TLS has refused. */
const REFUSED_TLS = /^(ERR_SSL|EPROTO)|ALERT/;

/** Errors: `server_untrusted`, `server_refused_tls` (denied), `server_unreachable` (unavailable). */
export function unreachable(url: string, cause: unknown): CodedError {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? "no answer";
  if (UNTRUSTED.test(code) && !REFUSED_TLS.test(code)) {
    const remedy = "name its authority with --ca-file, and the host that the certificate is for in --url";
    return new CodedError("server_untrusted", FaultKind.Denied, `the certificate of ${url} is not trusted (${code}): ${remedy}`, { cause });
  }
  if (REFUSED_TLS.test(code)) {
    const remedy = "is it https, and does it want a certificate (--cert, --key)?";
    return new CodedError("server_refused_tls", FaultKind.Denied, `no secure connection to ${url} (${code}): ${remedy}`, { cause });
  }
  return new CodedError(
    "server_unreachable",
    FaultKind.Unavailable,
    `no server answers at ${url} (${code}): start one with \`npm start\`, or say where with --url`,
    { cause },
  );
}

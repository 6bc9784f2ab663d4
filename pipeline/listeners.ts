import { isCoded } from "./base/errors.ts";
import type { Running } from "./base/lifecycle.ts";
import { gauge } from "./base/metrics.ts";
import type { DurationMs } from "./base/units.ts";
import type { Config } from "./config/schema.ts";
import { OnePortServer, type RequestListener } from "./http/one-port.ts";
import { readTls, type TlsMaterial } from "./http/tls.ts";
import type { Parts } from "./parts.ts";

export type Listening = Running & {
  /** Where the server really listens: configured ports may be 0. */
  readonly port: number;
  readonly otlpPorts: { readonly grpc: number | undefined; readonly http: number | undefined };
};

export type Listeners = { readonly everything: RequestListener /** For `http.status_port`. */; readonly status: RequestListener };

/**
 * Opens the ports. The main port and that of the status must be had; those of OTLP are a convenience that another collector on this machine
 * may have taken. Certificates follow their files.
 * Errors: `port_taken`, `port_denied`, `tls_unreadable`, `tls_invalid`.
 */
export async function openListeners(parts: Parts, { everything, status }: Listeners): Promise<Listening> {
  const { config, log } = parts;
  const { host } = config.http;
  const tls = watchTls(parts);
  const servers: OnePortServer[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(servers.splice(0).map((server) => server.close(config.http.shutdown_grace as DurationMs)));
  };
  const open = async (wanted: number): Promise<number> => {
    const server = new OnePortServer(everything, {
      ...bounds(config),
      ...(tls === undefined ? {} : { tls: tls.current }),
      onTlsFault: (error, address) => log.debug({ err: error, address }, "a TLS handshake has failed"),
    });
    const port = await server.listen(wanted, host);
    tls?.onChange((renewed) => server.renewTls(renewed));
    servers.push(server);
    return port;
  };
  const tryOpen = async (wanted: number): Promise<number | undefined> => {
    if (!config.otlp.enabled) return undefined;
    try {
      return await open(wanted);
    } catch (error) {
      if (!isCoded(error)) throw error;
      log.warn({ port: wanted, code: error.code }, "an OTLP port cannot be had, OTLP is served on the main port only");
      return undefined;
    }
  };
  try {
    const port = await open(config.http.port);
    const grpc = await tryOpen(config.otlp.grpc_port);
    const http = await tryOpen(config.otlp.http_port);
    if (config.http.status_port !== 0) {
      const server = new OnePortServer(status, bounds(config));
      await server.listen(config.http.status_port, host);
      servers.push(server);
    }
    return { port, otlpPorts: { grpc, http }, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function bounds({ http }: Config) {
  return { connectionsMax: http.connections_max, patience: { requestMs: http.request_timeout } };
}

/** Undefined without TLS. */
function watchTls({ config, clock, reloader, registry }: Parts) {
  const { cert_file, key_file, client_ca_file } = config.http.tls;
  if (cert_file === "") return undefined;
  const files = { certFile: cert_file, keyFile: key_file, clientCaFile: client_ca_file };
  const paths = Object.values(files).filter((path) => path !== "");
  const tls = reloader.watch("http.tls", paths, (): TlsMaterial => readTls(files, clock.nowMs()));
  gauge(registry, {
    name: "brazier_tls_certificate_not_after_timestamp_seconds",
    help: "When the certificate of the listeners ends, in seconds since 1970.",
    collect: (metric) => metric.set(tls.current.notAfterMs / 1000),
  });
  return tls;
}

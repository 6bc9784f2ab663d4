import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { Writable } from "node:stream";
import { type KubeConfig, PortForward } from "@kubernetes/client-node";
import { CodedError, FaultKind } from "../../base/errors.ts";
import type { Running } from "../../base/lifecycle.ts";

export type TunnelEnd = { readonly namespace: string; readonly pod: string; readonly port: number };

export type Tunnel = Running & {
  readonly port: number;
  /** Why the last connection came to nothing; undefined where none did. */
  fault(): CodedError | undefined;
};

/**
 * A port of this machine that leads to a pod, as `kubectl port-forward` makes it: through the API server and the pod's kubelet, with everything
 * that a client says. (The API server's proxy would keep tokens to itself.)
 */
export async function openTunnel(config: KubeConfig, end: TunnelEnd): Promise<Tunnel> {
  const forward = new PortForward(config);
  const sockets = new Set<Socket>();
  let fault: CodedError | undefined;
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    const failed = (reason: unknown): void => {
      fault = faultOf(reason, end);
      socket.destroy();
    };
    const complaints = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        // What is left of the frame that opens the channel is empty.
        const said = chunk.toString("utf8").trim();
        if (said !== "") failed(new Error(said));
        done();
      },
    });
    forward.portForward(end.namespace, end.pod, [end.port], socket, complaints, socket).then((link) => {
      if (typeof link === "function") return;
      link.addEventListener("close", () => socket.end());
      socket.once("close", () => link.close());
      socket.resume();
    }, failed);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    fault: () => fault,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** The library rejects with an event of its WebSocket. */
function faultOf(reason: unknown, { namespace, pod, port }: TunnelEnd): CodedError {
  const said = (reason as { readonly message?: string }).message ?? String(reason);
  const way = `port ${port} of pod ${pod}`;
  if (/\b403\b/.test(said)) {
    const message = `no way to ${way}: you may not get and create pods/portforward in namespace ${namespace}: have an admin of the cluster grant that`;
    return new CodedError("tunnel_denied", FaultKind.Denied, message, { cause: reason });
  }
  const message = `no way to ${way} through the API server: ${said}`;
  return new CodedError("tunnel_closed", FaultKind.Unavailable, message, { cause: reason });
}

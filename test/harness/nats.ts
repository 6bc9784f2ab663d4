import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { natsServer } from "../../hack/neighbours/nats-server.ts";
import { type Child, type Exit, startChild } from "./child.ts";
import { freePorts } from "./free-port.ts";
import { until } from "./until.ts";

/* A real nats-server with JetStream, alone or as a cluster, in processes of their own on loopback ports. */

export type NatsServerOptions = {
  /** Nodes of a cluster; by default one server alone. */
  readonly cluster?: number;
  /** More lines of the configuration file: `max_payload: 64KB`, an `authorization` or `tls` block. */
  readonly config?: string;
  readonly scheme?: "nats" | "tls";
};

export interface NatsNode {
  readonly url: string;
  /** Answers 200 while the server and its replicas of streams are well: what a readiness probe asks. */
  readonly health: string;
  readonly child: Child;
  /** SIGKILL: what it has not written is gone. */
  kill(): Promise<Exit>;
  /** An orderly end; its store stays. */
  stop(): Promise<Exit>;
  /** Starts it again over its store; resolves when it takes part. */
  start(): Promise<void>;
}

export interface NatsTestServer {
  /** Addresses of all nodes. */
  readonly urls: readonly string[];
  /** Addresses with commas between, as the configuration takes them. */
  readonly url: string;
  readonly nodes: readonly NatsNode[];
  /** Ends all nodes and removes their stores. */
  stop(): Promise<void>;
}

const READY_WITHIN_MS = 60_000;

export async function startNats(options: NatsServerOptions = {}): Promise<NatsTestServer> {
  const program = await natsServer();
  const count = options.cluster ?? 1;
  for (let attempt = 1; ; attempt++) {
    const folder = await mkdtemp(join(tmpdir(), "brazier-nats-"));
    const nodes = await configure(program, folder, count, options);
    const stop = async (): Promise<void> => {
      await Promise.all(nodes.map((node) => node.kill()));
      await rm(folder, { recursive: true, force: true });
    };
    try {
      await Promise.all(nodes.map((node) => node.start()));
      const urls = nodes.map(({ url }) => url);
      return { urls, url: urls.join(","), nodes, stop };
    } catch (error) {
      await stop();
      // Somebody was faster to take a port.
      if (attempt === 3 || !String(error).includes("address already in use")) throw error;
    }
  }
}

async function configure(program: string, folder: string, count: number, options: NatsServerOptions): Promise<Node[]> {
  const ports = await freePorts(count * 3);
  const routes = Array.from({ length: count }, (_, i) => `nats://127.0.0.1:${ports[count + i]}`);
  const nodes: Node[] = [];
  for (let i = 0; i < count; i++) {
    const store = join(folder, `store-${i}`);
    await mkdir(store);
    const lines = [
      `server_name: node-${i}`,
      `listen: "127.0.0.1:${ports[i]}"`,
      `http: "127.0.0.1:${ports[2 * count + i]}"`,
      `jetstream { store_dir: "${store}", max_memory_store: 64MB, max_file_store: 8GB }`,
      ...(count === 1
        ? []
        : [`cluster { name: test, listen: "127.0.0.1:${ports[count + i]}", routes: [${routes.map((r) => `"${r}"`).join(", ")}] }`]),
      options.config ?? "",
    ];
    const file = join(folder, `node-${i}.conf`);
    await writeFile(file, lines.join("\n"));
    const health = `http://127.0.0.1:${ports[2 * count + i]}/healthz`;
    nodes.push(new Node({ program, file, url: `${options.scheme ?? "nats"}://127.0.0.1:${ports[i]}`, health }));
  }
  return nodes;
}

type NodeOptions = { readonly program: string; readonly file: string; readonly url: string; readonly health: string };

class Node implements NatsNode {
  readonly url: string;
  readonly health: string;
  readonly #options: NodeOptions;
  #child: Child | undefined;

  constructor(options: NodeOptions) {
    this.url = options.url;
    this.health = options.health;
    this.#options = options;
  }

  get child(): Child {
    if (this.#child === undefined) throw new Error("this node was not started");
    return this.#child;
  }

  async start(): Promise<void> {
    const child = startChild(this.#options.program, ["-c", this.#options.file]);
    this.#child = child;
    await until(
      `nats-server at ${this.url}`,
      async () => {
        if (child.exit !== undefined) return "ended";
        const response = await fetch(this.#options.health, { signal: AbortSignal.timeout(2_000) });
        await response.arrayBuffer();
        return response.status === 200 && "healthy";
      },
      { withinMs: READY_WITHIN_MS },
    );
    if (child.exit !== undefined) throw new Error(`nats-server ended at once:\n${child.logs()}`);
  }

  async kill(): Promise<Exit> {
    return this.#child === undefined ? { code: null, signal: null } : this.#child.end("SIGKILL");
  }

  async stop(): Promise<Exit> {
    return this.child.end("SIGTERM");
  }
}

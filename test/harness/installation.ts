import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type NatsServerOptions, type NatsTestServer, startNats } from "./nats.ts";
import { type Server, startServer } from "./server.ts";

/* Brazier as a cluster runs it: each role in processes of its own, around a real NATS and one bucket. */

export type RoleName = "ingest" | "segment" | "compact" | "query";

export const ROLE_NAMES: readonly RoleName[] = ["ingest", "segment", "compact", "query"];

export type InstallationOptions = {
  /** Processes per role, by default one. */
  readonly processes?: Partial<Record<RoleName, number>>;
  readonly nats?: NatsServerOptions;
  /** More config keys of every process. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** As {@link startServer} takes it; off by default. */
  readonly selfProfile?: boolean;
  /** Environment of each process, asked for when it starts. */
  readonly env?: (role: RoleName) => Readonly<Record<string, string>>;
  /** More keys of `queue.nats`. */
  readonly stream?: Readonly<Record<string, unknown>>;
};

export class Installation {
  readonly nats: NatsTestServer;
  readonly folder: string;
  readonly #options: InstallationOptions;
  readonly #processes = new Map<RoleName, Server[]>();

  /** Made by {@link startInstallation}. */
  constructor(nats: NatsTestServer, folder: string, options: InstallationOptions) {
    this.nats = nats;
    this.folder = folder;
    this.#options = options;
  }

  of(role: RoleName): readonly Server[] {
    return this.#processes.get(role) ?? [];
  }

  /** The address of a process of the role; of several, the one whose turn it is. */
  url(role: RoleName, turn = 0): string {
    const servers = this.of(role);
    return servers[turn % servers.length]!.url;
  }

  async add(role: RoleName): Promise<Server> {
    const { config = {}, stream = {}, selfProfile = false, env } = this.#options;
    const server = await startServer({
      dataDir: join(this.folder, "data"),
      config: {
        ...config,
        role: [role],
        data_dir_shared: true,
        queue: { kind: "nats", partitions: 8, nats: { servers: this.nats.urls, max_bytes: "256MiB", ...stream } },
      },
      selfProfile,
      ...(env === undefined ? {} : { env: env(role) }),
      readyWithinMs: 60_000,
    });
    this.#processes.set(role, [...this.of(role), server]);
    return server;
  }

  /** SIGKILL to one process of the role, and a new one in its place, as a supervisor does. */
  async killAndReplace(role: RoleName, index = 0): Promise<void> {
    const servers = [...this.of(role)];
    const [victim] = servers.splice(index % servers.length, 1);
    await victim!.kill();
    this.#processes.set(role, servers);
    await this.add(role);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#processes.values()].flat().map((server) => server.stop()));
    await this.nats.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

export async function startInstallation(options: InstallationOptions = {}): Promise<Installation> {
  const folder = await mkdtemp(join(tmpdir(), "brazier-installation-"));
  const installation = new Installation(await startNats(options.nats), folder, options);
  try {
    for (const role of ROLE_NAMES) for (let i = 0; i < (options.processes?.[role] ?? 1); i++) await installation.add(role);
    return installation;
  } catch (error) {
    await installation.stop();
    throw error;
  }
}

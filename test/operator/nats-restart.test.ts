import { join } from "node:path";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ApiServerProcess, startApiServer, whyNoApiServer } from "../harness/api-server.ts";
import { type NatsTestServer, startNats } from "../harness/nats.ts";
import { type OperatorProcess, startOperator } from "../harness/operator.ts";
import { REPOSITORY } from "../harness/server.ts";
import { until } from "../harness/until.ts";

/*
 * Goal: a stack's NATS servers restart one at a time, each after the replicas of all others are current, and nothing that was acknowledged is lost.
 * Method: a real API server with its controllers, and a real NATS cluster of three under load. The test is the kubelet between them: a pod that is
 * made anew restarts its server, and a pod is ready while its server's own health check says so.
 */

const reason = whyNoApiServer();
if (reason !== undefined) console.log(`operator nats restart: ${reason}`);

type Pod = {
  readonly metadata: { readonly name: string; readonly uid: string; readonly annotations: Readonly<Record<string, string>> };
};
type Stack = { readonly status?: { readonly conditions?: readonly { type: string; status: string; message: string }[] } };

class Kubelet {
  readonly #api: ApiServerProcess;
  readonly #nats: NatsTestServer;
  /** The pod that each server runs for. */
  readonly #uids: (string | undefined)[] = [undefined, undefined, undefined];
  readonly #healthy = [true, true, true];
  /** Servers that cannot start. */
  readonly broken = new Set<number>();
  /** In the order in which servers were restarted. */
  readonly restarts: number[] = [];
  /** The most servers that were down or behind while another one was stopped. */
  mostAway = 0;
  readonly #ending = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(api: ApiServerProcess, nats: NatsTestServer) {
    this.#api = api;
    this.#nats = nats;
  }

  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (!this.#ending.signal.aborted) {
      const pods = this.pods();
      for (const index of this.#uids.keys())
        await this.#follow(
          index,
          pods.find(({ metadata }) => metadata.name === `main-nats-${index}`),
        );
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }

  pods(): readonly Pod[] {
    const path = "/api/v1/namespaces/default/pods?labelSelector=app.kubernetes.io%2Fcomponent%3Dnats";
    return (JSON.parse(this.#api.kubectl(["get", "--raw", path])) as { items: readonly Pod[] }).items;
  }

  async #follow(index: number, pod: Pod | undefined): Promise<void> {
    const node = this.#nats.nodes[index];
    if (node === undefined) return;
    const known = this.#uids[index];
    if (pod !== undefined && pod.metadata.uid !== known) {
      this.#uids[index] = pod.metadata.uid;
      if (known !== undefined) {
        this.restarts.push(index);
        this.mostAway = Math.max(this.mostAway, this.#healthy.filter((isHealthy, at) => !isHealthy && at !== index).length);
        if (node.child.exit === undefined) await node.stop();
        this.#healthy[index] = false;
      }
    }
    if (this.broken.has(index) && node.child.exit === undefined) await node.kill();
    // Resolves when it takes part, which needs the others: nobody waits for it here.
    if (!this.broken.has(index) && node.child.exit !== undefined) node.start().catch(() => {});
    const isHealthy = await fetch(node.health, { signal: AbortSignal.timeout(5000) }).then(
      ({ status }) => status === 200,
      () => false,
    );
    if (pod !== undefined && (isHealthy !== this.#healthy[index] || pod.metadata.uid !== known)) this.#tell(pod, isHealthy);
    this.#healthy[index] = isHealthy;
  }

  #tell({ metadata }: Pod, isReady: boolean): void {
    const lastTransitionTime = new Date().toISOString();
    const conditions = [{ type: "Ready", status: isReady ? "True" : "False", lastTransitionTime }];
    const status = { phase: "Running", startTime: lastTransitionTime, conditions };
    try {
      this.#api.kubectl(["patch", `pod/${metadata.name}`, "--subresource=status", "--type=merge", "-p", JSON.stringify({ status })]);
    } catch {
      // Gone meanwhile; the next look sees its successor.
    }
  }
}

describe.skipIf(reason !== undefined)("the restart of a stack's NATS servers", () => {
  let api: ApiServerProcess;
  let nats: NatsTestServer;
  let operator: OperatorProcess;
  let kubelet: Kubelet;
  let connection: NatsConnection;
  const acknowledged = new Set<number>();
  const loading = new AbortController();
  let load: Promise<void> | undefined;

  beforeAll(async () => {
    [api, nats] = await Promise.all([startApiServer(), startNats({ cluster: 3 })]);
    api.kubectl(["apply", "--server-side", "-f", join(REPOSITORY, "crds")]);
    api.kubectl(["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
    connection = await connect({ servers: [...nats.urls], maxReconnectAttempts: -1, reconnectTimeWait: 100 });
    await (await jetstreamManager(connection)).streams.add({ name: "LOAD", subjects: ["load"], num_replicas: 3 });
    load = publish();
    operator = await startOperator(api.kubeconfig);
    kubelet = new Kubelet(api, nats);
    kubelet.start();
    const stack = {
      apiVersion: "profiling.brazier.dev/v1alpha1",
      kind: "ProfilingStack",
      metadata: { name: "main", namespace: "default" },
      spec: { size: "medium", storage: { s3: { bucket: "profiles", instance: {} } }, agent: { enabled: false } },
    };
    api.kubectl(["apply", "--server-side", "-f", "-"], JSON.stringify(stack));
    await allReady();
  });
  afterAll(async () => {
    loading.abort();
    await load;
    await kubelet?.stop();
    await operator?.stop();
    await connection?.close();
    await nats?.stop();
    await api?.stop();
  });

  async function publish(): Promise<void> {
    const client = jetstream(connection);
    for (let number = 0; !loading.signal.aborted; number++) {
      try {
        await client.publish("load", String(number), { msgID: String(number), timeout: 2000 });
        acknowledged.add(number);
      } catch {
        // Not acknowledged: not promised.
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  const get = <Value>(what: string): Value => JSON.parse(api.kubectl(["get", what, "-o", "json"])) as Value;
  const hashes = (): readonly (string | undefined)[] =>
    kubelet.pods().map(({ metadata }) => metadata.annotations["profiling.brazier.dev/config-hash"]);
  const readyCount = (): number => get<{ status?: { readyReplicas?: number } }>("statefulset/main-nats").status?.readyReplicas ?? 0;
  const allReady = (): Promise<unknown> => until("three ready servers", () => readyCount() === 3, { everyMs: 500, withinMs: 120_000 });
  const queue = (): string => get<Stack>("pstack/main").status?.conditions?.find(({ type }) => type === "QueueReady")?.message ?? "";
  /** The servers' certificate is gone from the Secret: the operator makes another one, and running servers must get it. */
  const rotate = (): void => {
    api.kubectl(["patch", "secret/main-nats", "--type=json", "-p", '[{"op":"replace","path":"/data/tls.crt","value":""}]']);
  };

  it("reaches all of them with a new certificate, one at a time", async () => {
    const [before] = hashes();
    rotate();
    await until("all servers restarted", () => hashes().length === 3 && hashes().every((hash) => hash !== before), {
      everyMs: 500,
      withinMs: 180_000,
    });
    await allReady();
    expect([...kubelet.restarts].sort()).toEqual([0, 1, 2]);
    expect(kubelet.mostAway).toBe(0);
    expect(Buffer.from(get<{ data: Record<string, string> }>("secret/main-nats").data["tls.crt"] ?? "", "base64").toString()).toContain(
      "BEGIN CERTIFICATE",
    );
  });

  it("stops no server that is well while another one is not, and says which one it waits for", async () => {
    kubelet.broken.add(0);
    await until("two ready servers", () => readyCount() === 2, { everyMs: 250 });
    kubelet.restarts.length = 0;
    const [before] = hashes();
    rotate();
    await until("the status to name the server", () => /main-nats-0 is not ready.*kubectl -n default logs main-nats-0/.test(queue()), {
      everyMs: 500,
      withinMs: 90_000,
    });
    // The one that is away anyway gets what may mend it; the others wait for it.
    await until("the new form of that server", () => kubelet.restarts.length > 0, { everyMs: 250 });
    expect(new Set(kubelet.restarts)).toEqual(new Set([0]));
    expect(kubelet.mostAway).toBe(0);
    // A budget may count an eviction for two more minutes where its pod is back before its controller saw it go: here no node takes its time.
    kubelet.broken.delete(0);
    await until("all servers restarted", () => hashes().length === 3 && hashes().every((hash) => hash !== before), {
      everyMs: 500,
      withinMs: 240_000,
    });
    await allReady();
    expect(kubelet.mostAway).toBe(0);
  }, 400_000);

  it("loses nothing that was acknowledged", async () => {
    loading.abort();
    await load;
    expect(acknowledged.size).toBeGreaterThan(100);
    const manager = await jetstreamManager(connection);
    const { state } = await until("the stream", () => manager.streams.info("LOAD"));
    const kept = new Set<number>();
    const stored = await jetstream(connection).streams.get("LOAD");
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) kept.add(Number((await stored.getMessage({ seq }))?.string()));
    expect([...acknowledged].filter((number) => !kept.has(number))).toEqual([]);
  });
});

import { stringify } from "yaml";
import { stackSelector } from "../../../operator/desired/names.ts";
import { EVENTS, OWNED_KINDS, PODS, POLICIES, type Resource } from "../../../operator/kube/kinds.ts";
import { type KubeObject, textAt, valueAt } from "../../../operator/kube/object.ts";
import type { Stack } from "../../../operator/observe/observed.ts";
import { isCoded } from "../../base/errors.ts";
import { readBuildInfo } from "../../version.ts";
import { showAgents } from "./agent-state.ts";
import { readAgents } from "./agents.ts";
import { Archive } from "./archive.ts";
import { missingRight } from "./cluster-faults.ts";
import { type ClusterFlags, type Connection, withCluster } from "./connection.ts";
import { eachOf } from "./each-of.ts";
import { findStack } from "./find-stack.ts";
import { componentOf, isReady, NODES, podsOf, readPage, readPort } from "./pods.ts";
import { redactObject, redactSettings, redactText } from "./redact.ts";
import { showStack } from "./show-stack.ts";
import { readState } from "./status.ts";

/** Newest lines of each container's log; and the pods of one component of which there is more than a row in the table, those in trouble first. */
const LOG_LINES = 5000;
const PODS_OF_COMPONENT = 10;

const OPERATOR_SELECTOR = "app.kubernetes.io/name=brazier-operator";
const OPERATOR_PORT = 8080;

/** What is in force in a server, with what came out of Secrets. */
const CONFIG_PAGE = "config.yaml";

/** What pods answer that helps to understand them, by component; a server's otherwise. */
const PAGES: Readonly<Record<string, readonly (readonly [path: string, file: string])[]>> = {
  agent: [
    ["/metrics", "metrics.txt"],
    ["/ready", "ready.txt"],
  ],
  nats: [
    ["/healthz", "healthz.json"],
    ["/jsz?streams=true&consumers=true", "jsz.json"],
  ],
  server: [
    ["/metrics", "metrics.txt"],
    ["/ready", "ready.txt"],
    ["/api/v1/status", "status.json"],
    ["/api/v1/status/config", CONFIG_PAGE],
  ],
};

/** Writes everything that somebody needs to understand what a stack does, without a Secret, into one archive. */
export async function report(name: string | undefined, flags: ClusterFlags & { readonly file?: string }): Promise<void> {
  await withCluster(flags, async (connection) => {
    const stack = await findStack(connection, name);
    const nowMs = Date.now();
    const stamp = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, "");
    const root = `brazier-report-${stack.metadata.namespace}-${stack.metadata.name}-${stamp}`;
    const archive = await Archive.create(flags.file ?? `${root}.tar.gz`, root, nowMs);
    const missing: string[] = [];
    await new Gathering(connection, stack, { archive, missing, nowMs }).run();
    const { version, revision } = await readBuildInfo();
    const heading = `ProfilingStack ${stack.metadata.namespace}/${stack.metadata.name} at ${new Date(nowMs).toISOString()}, by kubectl-brazier ${version} ${revision}\n`;
    archive.add("report.txt", `${heading}\n${missing.length === 0 ? "nothing is missing" : `missing:\n${missing.join("\n")}`}\n`);
    const sizeBytes = await archive.close();
    process.stdout.write(`${archive.path}: ${(sizeBytes / 1024).toFixed(0)} KiB\n`);
    for (const line of missing) process.stderr.write(`missing: ${line}\n`);
    process.stdout.write(
      "Secrets were not read, and values of environment variables are removed. It does hold names and logs: look through it before you pass it on.\n",
    );
  });
}

type GatheringOptions = { readonly archive: Archive; readonly missing: string[]; readonly nowMs: number };

class Gathering {
  readonly #connection: Connection;
  readonly #stack: Stack;
  readonly #options: GatheringOptions;

  constructor(connection: Connection, stack: Stack, options: GatheringOptions) {
    this.#connection = connection;
    this.#stack = stack;
    this.#options = options;
  }

  async run(): Promise<void> {
    const stack = this.#stack as unknown as KubeObject;
    this.#addObject("stack.yaml", stack);
    await this.#try("status.txt", async () => showStack(await readState(this.#connection, this.#stack), this.#options.nowMs));
    await this.#try("agents.txt", async () => showAgents((await readAgents(this.#connection, this.#stack)).states));
    await this.#objects();
    await this.#cluster();
    await this.#podsOfStack();
    await this.#podsOfOperator();
  }

  async #objects(): Promise<void> {
    const { namespace, name } = this.#stack.metadata;
    const labelSelector = stackSelector({ namespace, name });
    // Never Secrets, not even to leave their values out.
    const kinds = OWNED_KINDS.filter(({ kind }) => kind !== "Secret");
    await eachOf(kinds, async (resource) => {
      const objects = await this.#list(resource, { namespace: resource.namespaced ? namespace : undefined, labelSelector });
      for (const object of objects) this.#addObject(`objects/${resource.plural}/${object.metadata.name.replaceAll(":", "_")}.yaml`, object);
    });
    for (const policy of await this.#list(POLICIES, {})) {
      this.#addObject(`policies/${policy.metadata.namespace}/${policy.metadata.name}.yaml`, policy);
    }
    const events = await this.#list(EVENTS, { namespace });
    const mine = events.filter((event) => {
      const about = textAt(event, "involvedObject", "name") ?? "";
      return about === name || about.startsWith(`${name}-`);
    });
    this.#add("events.yaml", mine.map((event) => `---\n${stringify(redactObject(event), { lineWidth: 0 })}`).join(""));
  }

  async #cluster(): Promise<void> {
    await this.#try("cluster/version.json", () => this.#connection.cluster.read("/version"));
    const nodes = await this.#list(NODES, {});
    const told = nodes.map((node) => ({
      name: node.metadata.name,
      labels: node.metadata.labels,
      taints: valueAt(node, "spec", "taints"),
      capacity: valueAt(node, "status", "capacity"),
      conditions: valueAt(node, "status", "conditions"),
      nodeInfo: valueAt(node, "status", "nodeInfo"),
    }));
    this.#add("cluster/nodes.yaml", stringify(told, { lineWidth: 0, aliasDuplicateObjects: false }));
  }

  async #podsOfStack(): Promise<void> {
    const pods = await podsOf(this.#connection, this.#stack);
    const chosen = [...Map.groupBy(pods, componentOf)].flatMap(([component, all]) => {
      const sorted = all.toSorted((left, right) => Number(isReady(left)) - Number(isReady(right)));
      if (all.length > PODS_OF_COMPONENT)
        this.#options.missing.push(`pods of ${component}: ${PODS_OF_COMPONENT} of ${all.length} are here`);
      return sorted.slice(0, PODS_OF_COMPONENT);
    });
    await eachOf(chosen, async (pod) => {
      const folder = `pods/${pod.metadata.name}`;
      await this.#pod(folder, pod);
      if (textAt(pod, "status", "phase") !== "Running") return;
      for (const [path, file] of PAGES[componentOf(pod)] ?? PAGES["server"] ?? []) {
        await this.#try(`${folder}/${file}`, async () => {
          const page = await readPage(this.#connection, this.#stack, pod, path);
          return file === CONFIG_PAGE ? redactSettings(page) : page;
        });
      }
    });
  }

  async #podsOfOperator(): Promise<void> {
    const pods = await this.#list(PODS, { labelSelector: OPERATOR_SELECTOR });
    if (pods.length === 0) this.#options.missing.push(`operator: no pod with label ${OPERATOR_SELECTOR} is to be seen`);
    await eachOf(pods, async (pod) => {
      const folder = `operator/${pod.metadata.namespace}/${pod.metadata.name}`;
      await this.#pod(folder, pod);
      if (textAt(pod, "status", "phase") !== "Running") return;
      await this.#try(`${folder}/metrics.txt`, () =>
        readPort(this.#connection, pod, { scheme: "http", port: OPERATOR_PORT, path: "/metrics" }),
      );
    });
  }

  /** The pod itself and the logs of its containers, those before a restart included. */
  async #pod(folder: string, pod: KubeObject): Promise<void> {
    this.#addObject(`${folder}/pod.yaml`, pod);
    const containers = (valueAt(pod, "status", "containerStatuses") ?? []) as readonly {
      readonly name: string;
      readonly restartCount?: number;
    }[];
    const path = `/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}/log`;
    for (const { name, restartCount = 0 } of containers) {
      const query = { container: name, tailLines: String(LOG_LINES), timestamps: "true" };
      await this.#try(`${folder}/${name}.log`, () => this.#connection.cluster.read(path, query));
      if (restartCount === 0) continue;
      await this.#try(`${folder}/${name}.before-restart.log`, () => this.#connection.cluster.read(path, { ...query, previous: "true" }));
    }
  }

  /** One file; what cannot be read is told in the report and costs nothing else. */
  async #try(file: string, read: () => Promise<string>): Promise<void> {
    try {
      this.#add(file, await read());
    } catch (error) {
      this.#missing(file, error);
    }
  }

  async #list(resource: Resource, options: Parameters<Connection["cluster"]["list"]>[1]): Promise<readonly KubeObject[]> {
    try {
      return (await this.#connection.cluster.list(resource, options)).items;
    } catch (error) {
      // A cluster knows an optional kind only when somebody has installed it.
      if (!(resource.optional && isCoded(error, "cluster_not_found"))) this.#missing(resource.plural, error);
      return [];
    }
  }

  #missing(what: string, error: unknown): void {
    if (!isCoded(error)) throw error;
    const right = missingRight(error);
    this.#options.missing.push(`${what}: ${right === undefined ? redactText(error.rawMessage) : `you may not ${right}`}`);
  }

  #addObject(file: string, object: KubeObject): void {
    this.#add(file, stringify(redactObject(object), { lineWidth: 0, aliasDuplicateObjects: false }));
  }

  #add(file: string, text: string): void {
    this.#options.archive.add(file, redactText(text));
  }
}

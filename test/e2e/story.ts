import { afterAll, afterEach, beforeAll, beforeEach, inject } from "vitest";
import type { ProfilingStackStatus } from "../../operator/types/profiling-stack.ts";
import { writeReport } from "../harness/cluster-report.ts";
import { attachNode, type ClusterNode } from "../harness/node.ts";
import { until } from "../harness/until.ts";
import { bucketServer, stack } from "./objects.ts";

export const MINUTES = 60_000;

/** Undefined where no node can be. */
export const nodeFolder = inject("node") ?? undefined;

export type StackNow = { readonly metadata: { readonly generation: number }; readonly status?: ProfilingStackStatus };

/**
 * A stack named `main` in a namespace of its own, with a bucket beside it. Its tests tell one story: where one breaks off, what the cluster looks like then
 * is written down, and the rest is not told.
 */
export class Story {
  readonly namespace: string;
  readonly #urls = new Map<string, Promise<string>>();
  #node: ClusterNode | undefined;

  constructor(namespace: string) {
    this.namespace = namespace;
  }

  get node(): ClusterNode {
    if (nodeFolder === undefined) throw new Error("there is no node");
    return (this.#node ??= attachNode(nodeFolder));
  }

  kubectl(...args: readonly string[]): Promise<string> {
    return this.node.kubectl(["-n", this.namespace, ...args]);
  }

  get(...args: readonly string[]): Promise<string> {
    return this.kubectl("get", ...args);
  }

  async read<Kind>(...args: readonly string[]): Promise<Kind> {
    return JSON.parse(await this.get(...args, "-o", "json")) as Kind;
  }

  apply(...objects: readonly object[]): Promise<string> {
    const list = { apiVersion: "v1", kind: "List", items: objects };
    return this.node.kubectl(["apply", "--server-side", "-f", "-"], JSON.stringify(list));
  }

  /** The stack of the README with more in its spec. */
  async applyStack(spec: object = {}): Promise<void> {
    await this.apply(stack(this.namespace, spec));
  }

  /** Status of the stack, once the operator has seen its newest spec. */
  async status(): Promise<ProfilingStackStatus | undefined> {
    const { metadata, status } = await this.read<StackNow>("pstack", "main");
    return status?.observedGeneration === metadata.generation ? status : undefined;
  }

  async becomesReady(withinMs = 4 * MINUTES): Promise<void> {
    await until(
      "the stack is ready",
      async () => (await this.status())?.conditions?.some(({ type, status }) => type === "Ready" && status === "True"),
      { withinMs, everyMs: 500 },
    );
  }

  /** An address of this machine that leads to a component's Service. */
  url(component: string): Promise<string> {
    const known = this.#urls.get(component);
    if (known !== undefined) return known;
    const service = this.get("service", `main-${component}`, "-o", "jsonpath={.spec.clusterIP}");
    const url = service.then((address) => this.node.reach(`${address}:4040`));
    this.#urls.set(component, url);
    return url;
  }
}

/** Call it inside of `describe`. */
export function tellStory(namespace: string): Story {
  const story = new Story(namespace);
  let hasBroken = false;
  beforeAll(async () => {
    await story.apply(...bucketServer(namespace));
    await story.kubectl("rollout", "status", "deployment/s3", "--timeout=2m");
  }, 3 * MINUTES);
  beforeEach(({ skip }) => {
    if (hasBroken) skip("the story has broken off before");
  });
  afterEach(async ({ task }) => {
    if (task.result?.state !== "fail") return;
    hasBroken = true;
    const { folder, telling } = await writeReport(story.node);
    console.error(`what the cluster looked like when "${task.name}" failed is in ${folder}\n${telling.join("\n")}`);
  }, 2 * MINUTES);
  afterAll(async () => {
    await story.node.kubectl(["delete", "namespace", namespace, "--wait=false"]);
  }, MINUTES);
  return story;
}

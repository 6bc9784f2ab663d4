import type { KubeObject } from "../../../operator/kube/object.ts";
import type { Stack } from "../../../operator/observe/observed.ts";
import { isCoded } from "../../base/errors.ts";
import { type AgentState, agentStates, type Page, showAgents } from "./agent-state.ts";
import { missingRight } from "./cluster-faults.ts";
import { type ClusterFlags, type Connection, withCluster } from "./connection.ts";
import { eachOf } from "./each-of.ts";
import { findStack } from "./find-stack.ts";
import { componentOf, NODES, podsOf, readPage } from "./pods.ts";
import type { OutputFlags } from "./status.ts";

/** Exit 0 when every node that can be seen has a running agent, 2 when one has not. */
const EXIT_NOT_ALL = 2;

export async function agents(name: string | undefined, flags: ClusterFlags & OutputFlags): Promise<void> {
  await withCluster(flags, async (connection) => {
    const stack = await findStack(connection, name);
    const { states, unseen } = await readAgents(connection, stack);
    process.stdout.write(flags.output === "json" ? `${JSON.stringify(states, null, 2)}\n` : showAgents(states));
    if (unseen !== undefined) process.stderr.write(`nodes without an agent are not shown: ${unseen}\n`);
    if (states.some(({ running }) => !running)) process.exitCode = EXIT_NOT_ALL;
  });
}

type SeenStates = {
  readonly states: readonly AgentState[];
  /** Why the nodes could not be seen. */
  readonly unseen: string | undefined;
};

export async function readAgents(connection: Connection, stack: Stack): Promise<SeenStates> {
  const pods = (await podsOf(connection, stack)).filter((pod) => componentOf(pod) === "agent");
  let unseen: string | undefined;
  const nodes = await connection.cluster.list(NODES, {}).catch((error: unknown) => {
    if (!isCoded(error, "cluster_denied")) throw error;
    unseen = `you may not ${missingRight(error) ?? "list nodes"}`;
    return undefined;
  });
  const pages = new Map<string, Page>();
  await eachOf(pods, async (pod) => void pages.set(pod.metadata.name, await pageOf(connection, stack, pod)));
  return { states: agentStates({ stack, pods, nodes: nodes?.items, pages }), unseen };
}

async function pageOf(connection: Connection, stack: Stack, pod: KubeObject): Promise<Page> {
  try {
    return { text: await readPage(connection, stack, pod, "/metrics") };
  } catch (error) {
    if (!isCoded(error)) throw error;
    const right = missingRight(error);
    return { fault: right === undefined ? error.rawMessage : `you may not ${right}` };
  }
}

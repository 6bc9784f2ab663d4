import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { NumberedLoad } from "../harness/numbered-load.ts";
import { REPOSITORY } from "../harness/server.ts";
import { until } from "../harness/until.ts";
import { HUB } from "./images.ts";
import { MINUTES, nodeFolder, tellStory } from "./story.ts";

/*
 * Goal: another version comes to a running stack part by part, readers before writers, and nothing that was acknowledged meanwhile is lost or doubled.
 * Method: the images of this build under a second tag, set as the stack's version while clients push.
 */

const { version: OLD } = JSON.parse(readFileSync(join(REPOSITORY, "package.json"), "utf8")) as { version: string };
const NEW = `${OLD}-next`;
const ORDER = ["query", "compact", "segment", "ingest", "agent"];
const CLIENTS = 4;

type Workload = {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly template: { readonly spec: { readonly containers: readonly [{ readonly image: string }] } } };
  readonly status?: {
    readonly replicas?: number;
    readonly readyReplicas?: number;
    readonly updatedReplicas?: number;
    readonly desiredNumberScheduled?: number;
    readonly numberReady?: number;
    readonly updatedNumberScheduled?: number;
  };
};

describe.skipIf(nodeFolder === undefined)("another version of a stack on a real node", () => {
  const story = tellStory("upgrade");
  let load: NumberedLoad;

  beforeAll(async () => {
    for (const name of ["brazier", "brazier-agent"]) {
      const image = `${HUB}/brazier/${name}`;
      await story.node.inside(["ctr", "-n", "k8s.io", "images", "tag", `${image}:${OLD}`, `${image}:${NEW}`]);
    }
    await story.applyStack();
    await story.becomesReady();
    const ingest = await story.url("ingest");
    load = new NumberedLoad({ url: () => ingest, clients: CLIENTS });
  }, 6 * MINUTES);

  const parts = async (): Promise<ReadonlyMap<string, { readonly tag: string; readonly isWhole: boolean }>> => {
    const { items } = await story.read<{ readonly items: readonly Workload[] }>("deployments,daemonsets");
    return new Map(
      items
        .filter(({ metadata }) => metadata.name.startsWith("main-"))
        .map(({ metadata, spec, status = {} }) => {
          const { replicas = status.desiredNumberScheduled, readyReplicas = status.numberReady } = status;
          const { updatedReplicas = status.updatedNumberScheduled } = status;
          const tag = spec.template.spec.containers[0].image.split(":").at(-1) ?? "";
          return [metadata.name.slice("main-".length), { tag, isWhole: readyReplicas === replicas && updatedReplicas === replicas }];
        }),
    );
  };
  const partsOf = async (version: string): Promise<readonly string[]> => {
    const now = await parts();
    return ORDER.filter((name) => now.get(name)?.tag === version);
  };
  const isOver = async (version: string): Promise<boolean> => {
    const status = await story.status();
    return status?.version === version && status.upgrade === undefined;
  };

  it("is told before it comes, and does not come while the stack is paused", { timeout: 2 * MINUTES }, async () => {
    await story.applyStack({ version: NEW, paused: true });
    const status = await until("the plan in the status", async () => (await story.status())?.upgrade && story.status(), { everyMs: 250 });
    expect(status.upgrade).toEqual({ from: OLD, to: NEW, component: "query", waiting: ORDER.slice(1) });
    expect(status.conditions).toContainEqual(expect.objectContaining({ type: "Progressing", status: "False", reason: "Paused" }));
    expect(await partsOf(OLD)).toEqual(ORDER);
  });

  it("stops behind the part that it has come to when the stack is paused, and goes back when it is set back", {
    timeout: 6 * MINUTES,
  }, async () => {
    load.start();
    await story.applyStack({ version: NEW });
    await until("the readers' turn", async () => (await partsOf(NEW)).length > 0, { withinMs: MINUTES, everyMs: 100 });
    await story.applyStack({ version: NEW, paused: true });
    // The operator has then seen what would have it go on.
    const status = await until(
      "the readers' new version, ready",
      async () => {
        const now = await story.status();
        const query = now?.components?.find(({ name }) => name === "query");
        return now?.upgrade?.component === "compact" && query?.ready === query?.wanted && (await parts()).get("query")?.isWhole && now;
      },
      { withinMs: 3 * MINUTES, everyMs: 500 },
    );
    expect(status.upgrade).toEqual({ from: OLD, to: NEW, component: "compact", waiting: ORDER.slice(2) });
    expect(await partsOf(NEW)).toEqual(["query"]);
    await story.applyStack({ version: OLD });
    await until("the version before", () => isOver(OLD), { withinMs: MINUTES, everyMs: 250 });
    await story.becomesReady();
    expect(await partsOf(OLD)).toEqual(ORDER);
  });

  it("comes to one part after the other, each when the one before it is whole, and loses and doubles nothing", {
    timeout: 8 * MINUTES,
  }, async () => {
    await story.applyStack({ version: NEW });
    const seen: string[][] = [];
    const hasty: string[] = [];
    await until(
      "the new version",
      async () => {
        const now = await parts();
        const changed = ORDER.filter((name) => now.get(name)?.tag === NEW);
        const last = seen.at(-1) ?? [];
        if (changed.length > last.length) {
          seen.push(changed);
          hasty.push(...last.filter((name) => now.get(name)?.isWhole !== true));
        }
        return changed.length === ORDER.length && isOver(NEW);
      },
      { withinMs: 6 * MINUTES, everyMs: 250 },
    );
    await story.becomesReady();
    await load.stop();
    expect(seen).toEqual(ORDER.map((_, at) => ORDER.slice(0, at + 1)));
    expect(hasty).toEqual([]);
    expect(await load.faults(await story.url("query"))).toEqual({ lost: [], wrong: [] });
  });
});

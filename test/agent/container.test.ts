import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ociArchive } from "../../hack/images/oci.ts";
import { flameGraphOf, seriesOf } from "../clients/ask.ts";
import { type Container, type Containerd, startContainerd, whyNoContainerd } from "../harness/containerd.ts";
import { weighFunctions } from "../harness/flame-graph.ts";
import { freePorts } from "../harness/free-port.ts";
import { REPOSITORY, type Server, startServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";
import { buildPrograms, CAPABILITIES, has, reasonNotToRun } from "./programs.ts";
import { start, stopAll } from "./running.ts";

/*
 * Goal: the image runs as it is shipped: from a read-only root, with the six capabilities and no other, in the machine's PID namespace.
 * Method: the container runtime that kubelets use loads the archive that the build script made. What runs beside it is found by the server.
 */

const CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";
const ARCHITECTURE = process.arch === "arm64" ? "arm64" : "amd64";
const TRACEFS = "/sys/kernel/tracing";
const MIB = 1024 * 1024;

const unable = reasonNotToRun() ?? whyNoContainerd() ?? (has("gcc") ? undefined : "gcc is not installed");
if (unable !== undefined) console.warn(`skipped: the agent's image in a container: ${unable}`);

const idOf = (name: string): string => createHash("sha256").update(name).digest("hex");

describe.skipIf(unable !== undefined)("the agent's image in a container", () => {
  const folder = mkdtempSync(join(tmpdir(), "brazier-agent-image-"));
  let runtime: Containerd;
  let server: Server;
  let agent: Container | undefined;

  beforeAll(async () => {
    const archive = join(folder, "agent.tar");
    const build = ["hack/agent/image.ts", "--arch", ARCHITECTURE, "--name", "brazier.test/agent:1", "--out", archive];
    execFileSync(process.execPath, build, { cwd: REPOSITORY });
    await buildPrograms(folder);
    [runtime, server] = await Promise.all([startContainerd(), startServer()]);
    await runtime.load(archive);
    await runtime.load(archiveOf("root/bin/w-namespaced", "brazier.test/neighbour:1"));
  }, 290_000);

  afterAll(async () => {
    stopAll();
    await runtime?.stop();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** An image of one static program. */
  function archiveOf(program: string, name: string): string {
    const path = join(folder, "neighbour.tar");
    const files = [{ path: "w-namespaced", bytes: readFileSync(join(folder, program)), mode: 0o755 }];
    writeFileSync(
      path,
      ociArchive([{ architecture: ARCHITECTURE, files }], { name, entrypoint: ["/w-namespaced"], user: "1000:1000", labels: {} }),
    );
    return path;
  }

  it("profiles the machine, and its neighbours by the ids of their containers", async () => {
    const [port] = (await freePorts(1)) as [number];
    start([join(folder, "w-c-noframes")]);
    await runtime.start({ image: "brazier.test/neighbour:1", id: idOf("neighbour") });
    agent = await runtime.start({
      image: "brazier.test/agent:1",
      id: idOf("agent"),
      hostPid: true,
      memoryMax: 256 * MIB,
      capabilities: CAPABILITIES.map(({ name }) => name),
      paths: existsSync(`${TRACEFS}/events`) ? [TRACEFS] : [],
      command: [
        "/brazier-agent",
        ...["--url", server.url, "--http-address", `127.0.0.1:${port}`, "--collector", "ebpf"],
        ...["--rate", "97", "--interval", "2s", "--cpu-max", "0", "--labels", "run=container"],
      ],
    });
    await waitFor("the agent takes stacks", async () => (await fetch(`http://127.0.0.1:${port}/ready`)).ok);
    await waitFor("hot_c", () => finds('{service_name="w-c-noframes",run="container"}', "hot_c"));
    const selector = `{container="${idOf("neighbour").slice(0, 12)}",run="container"}`;
    await waitFor("the neighbour", () => finds(selector, "hot_c"));
    expect(await seriesOf(server.url, selector, ["service_name"])).toEqual([{ service_name: "w-namespaced" }]);
  });

  it("sends what it has and ends well when its container is stopped", async () => {
    expect(await agent?.stop()).toBe(0);
    expect(agent?.logs()).toContain('"samples_waiting":0');
  });

  async function finds(selector: string, name: string): Promise<boolean> {
    return [...weighFunctions(await flameGraphOf(server.url, CPU, selector)).keys()].includes(name);
  }

  /** What the agent said is told with the failure. */
  function waitFor(what: string, holds: () => Promise<boolean>): Promise<boolean> {
    return until(what, holds, { withinMs: 90_000, everyMs: 300 }).catch((error: Error) => {
      throw new Error(`${error.message}\n${agent?.logs()}`, { cause: error });
    });
  }
});

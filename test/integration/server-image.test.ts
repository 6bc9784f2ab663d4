import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { flameGraphOf } from "../clients/ask.ts";
import { push } from "../harness/client.ts";
import { type Container, type Containerd, startContainerd, whyNoContainerd } from "../harness/containerd.ts";
import { weighFunctions } from "../harness/flame-graph.ts";
import { freePorts } from "../harness/free-port.ts";
import { makePprof } from "../harness/make-pprof.ts";
import { REPOSITORY } from "../harness/server.ts";
import { until } from "../harness/until.ts";

/*
 * Goal: the image of the server and the operator works as pods run it: as nobody, from a read-only root, with no capability.
 * Method: the container runtime of kubelets runs the archive that the build script makes.
 */

const unable = whyNoContainerd();
if (unable !== undefined) console.warn(`skipped: the server's image: ${unable}`);

const IMAGE = "brazier.test/server:1";
const PROGRAM = ["/usr/local/bin/node", "--disable-warning=ExperimentalWarning", "/app/pipeline/cli/main.ts"];
const idOf = (name: string): string => createHash("sha256").update(name).digest("hex");

describe.skipIf(unable !== undefined)("the image of the server", () => {
  const folder = mkdtempSync(join(tmpdir(), "brazier-server-image-"));
  const archive = join(folder, "server.tar");
  let runtime: Containerd;
  let server: Container | undefined;
  let url = "";

  beforeAll(async () => {
    execFileSync(process.execPath, ["hack/images/server.ts", "--name", IMAGE, "--out", archive], { cwd: REPOSITORY });
    runtime = await startContainerd();
    await runtime.load(archive);
  }, 280_000);
  afterAll(async () => {
    await runtime?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("serves, takes profiles and answers, with its page", async () => {
    const [port] = (await freePorts(1)) as [number];
    url = `http://127.0.0.1:${port}`;
    server = await runtime.start({
      image: IMAGE,
      id: idOf("server"),
      scratch: "/tmp",
      command: [...PROGRAM, "serve", "--data", "/tmp/data", "--no-self-profile", "--port", String(port), "--set", "otlp.enabled=false"],
    });
    await until("the server is ready", async () => (await fetch(`${url}/ready`)).status === 200);
    const profile = makePprof({ stacks: { "main;checkout": [3, 30_000_000] }, time: Date.now() });
    expect((await push(url, [{ labels: { service_name: "shop", __name__: "process_cpu" }, profile }])).status).toBe(200);
    const graph = await flameGraphOf(url, "process_cpu:cpu:nanoseconds:cpu:nanoseconds", '{service_name="shop"}');
    expect(weighFunctions(graph).get("checkout")?.flat).toBe(30_000_000);
    expect(await (await fetch(`${url}/`)).text()).toContain("<title>Brazier");
  });

  it("ends well when it is told to", async () => {
    expect(await server?.stop(), server?.logs()).toBe(0);
  });

  it("has the operator and the desired objects of a stack in it", async () => {
    const help = await runtime.start({ image: IMAGE, id: idOf("operator"), scratch: "/tmp", command: [...PROGRAM, "operator", "--help"] });
    await until("help of the operator", () => help.logs().includes("--watch-namespace"));
  });

  it("comes with the list of its packages", () => {
    const list = archive.replace(/\.tar$/, ".cdx.json");
    expect(existsSync(list)).toBe(true);
    const { bomFormat, components } = JSON.parse(readFileSync(list, "utf8")) as {
      bomFormat: string;
      components: readonly { name: string }[];
    };
    expect(bomFormat).toBe("CycloneDX");
    expect(components.map(({ name }) => name)).toEqual(expect.arrayContaining(["fastify", "node"]));
    expect(components.map(({ name }) => name)).not.toContain("vitest");
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Server, startServer } from "../harness/server.ts";
import { flameGraphOf, profileTypesOf, seriesOf, stacksOf } from "./ask.ts";
import { buildGoPrograms, hasGo, runGoProgram } from "./programs.ts";

/*
 * Goal: profiles from the OpenTelemetry collector arrive with the right types, labels and values, over every door that takes OTLP.
 * Method: the collector's own exporter code (test/clients/go/cmd/otlpsend) against the real server; its values are in that program.
 */
type Answer = {
  readonly code: string;
  readonly message?: string;
  readonly contentType?: string;
  readonly retryAfter?: string;
  readonly rejectedProfiles: number;
  readonly errorMessage?: string;
};

describe.skipIf(!hasGo)("OTLP from the collector's exporter", () => {
  let server: Server;

  beforeAll(async () => {
    await buildGoPrograms();
    server = await startServer();
  });
  afterAll(() => server?.stop());

  async function send(...args: string[]): Promise<Answer> {
    return (await runGoProgram("otlpsend", args)).lines[0] as Answer;
  }

  const doors: [name: string, port: (of: Server) => number, args: string[]][] = [
    ["grpc-4317", (of) => of.otlpGrpcPort, ["-protocol", "grpc"]],
    ["grpc-gzip-4317", (of) => of.otlpGrpcPort, ["-protocol", "grpc", "-gzip"]],
    ["grpc-4040", (of) => of.port, ["-protocol", "grpc"]],
    ["http-4318", (of) => of.otlpHttpPort, ["-protocol", "http"]],
    ["http-gzip-4318", (of) => of.otlpHttpPort, ["-protocol", "http", "-gzip"]],
    ["http-4040", (of) => of.port, ["-protocol", "http"]],
    ["json-4318", (of) => of.otlpHttpPort, ["-protocol", "json"]],
    ["json-gzip-4040", (of) => of.port, ["-protocol", "json", "-gzip"]],
  ];

  describe.each(doors)("through %s", (service, port, args) => {
    const selector = `{service_name="${service}"}`;
    let answer: Answer;

    beforeAll(async () => {
      answer = await send("-endpoint", `127.0.0.1:${port(server)}`, "-service", service, ...args);
    });

    it("is accepted whole", () => {
      expect(answer).toMatchObject({ code: args[1] === "grpc" ? "OK" : "200", rejectedProfiles: 0 });
      if (args[1] === "json") expect(answer.contentType).toMatch(/^application\/json/);
      if (args[1] === "http") expect(answer.contentType).toBe("application/x-protobuf");
    });

    it("has the types of the eBPF profiler and of other senders", async () => {
      expect(await profileTypesOf(server.url, service)).toEqual([
        "events:events:count::",
        "off_cpu:off_cpu:nanoseconds::",
        "process_cpu:cpu:nanoseconds:cpu:nanoseconds",
        "space:alloc_space:bytes:space:bytes",
      ]);
    });

    it("has every value to the unit", async () => {
      const stacks = async (type: string) => stacksOf(await flameGraphOf(server.url, type, selector));
      const cpu = await stacks("process_cpu:cpu:nanoseconds:cpu:nanoseconds");
      expect(cpu).toMatchObject({ "main;hotLoop": 1_000_000_000, "main;park": 100_000_000 });
      expect(Object.values(cpu).reduce((sum, value) => sum + value, 0)).toBe(1_250_000_000);
      const [native] = Object.keys(cpu).filter((stack) => stack.includes("libnative.so"));
      expect(native).toMatch(/^main;libnative\.so!0x/);
      expect(await stacks("off_cpu:off_cpu:nanoseconds::")).toEqual({ "main;park": 7_000_000 });
      expect(await stacks("events:events:count::")).toEqual({ "main;hotLoop": 6 });
      expect(await stacks("space:alloc_space:bytes:space:bytes")).toEqual({ "main;hotLoop": 12_345 });
    });

    it("keeps threads and processors out of the series", async () => {
      const series = await seriesOf(server.url, `{service_name="${service}", __name__="process_cpu"}`);
      expect(series).toHaveLength(1);
      expect(series[0]).toMatchObject({ "host.name": "node-1", "process.pid": "4711", "scope.attribute": "yes", "service.name": service });
      expect(Object.keys(series[0] ?? {}).filter((name) => /^(thread|cpu)\./.test(name))).toEqual([]);
    });
  });

  it("finds the linked samples by their span", async () => {
    const selector = '{service_name="grpc-4317"}';
    const linked = { spanSelector: ["a1a2a3a4a5a6a7a8"] };
    const graph = await flameGraphOf(server.url, "process_cpu:cpu:nanoseconds:cpu:nanoseconds", selector, linked);
    expect(stacksOf(graph)).toEqual({ "main;park": 100_000_000 });
  });

  it.each([
    ["grpc", "otlpGrpcPort"],
    ["http", "otlpHttpPort"],
    ["json", "otlpHttpPort"],
  ] as const)("tells a %s sender which profile was refused, and stores the others", async (protocol, port) => {
    const service = `partial-${protocol}`;
    const answer = await send("-endpoint", `127.0.0.1:${server[port]}`, "-protocol", protocol, "-service", service, "-bad");
    expect(answer).toMatchObject({ code: protocol === "grpc" ? "OK" : "200", rejectedProfiles: 1 });
    expect(answer.errorMessage).toContain("9999");
    expect(stacksOf(await flameGraphOf(server.url, "events:events:count::", `{service_name="${service}"}`))).toEqual({ "main;hotLoop": 6 });
  });

  it.each([
    ["grpc", "otlpGrpcPort", "InvalidArgument"],
    ["http", "otlpHttpPort", "400"],
    ["json", "otlpHttpPort", "400"],
  ] as const)("refuses a %s request without profiles, and says why", async (protocol, port, code) => {
    const answer = await send("-endpoint", `127.0.0.1:${server[port]}`, "-protocol", protocol, "-empty");
    expect(answer).toMatchObject({ code, message: expect.stringContaining("malformed_profile") });
  });

  it.each([
    ["text/plain", "hello", 415],
    ["application/x-protobuf", "hello", 400],
    ["application/json", "{", 400],
    ["application/x-protobuf", "", 400],
  ])("answers %s %j with %i", async (contentType, body, status) => {
    const url = `http://127.0.0.1:${server.otlpHttpPort}/v1development/profiles`;
    const response = await fetch(url, { method: "POST", headers: { "content-type": contentType }, body });
    await response.arrayBuffer();
    expect(response.status).toBe(status);
  });
});

describe.skipIf(!hasGo)("OTLP from a sender that is too fast", () => {
  let server: Server;
  beforeAll(async () => {
    await buildGoPrograms();
    server = await startServer({ config: { limits: { ingestion_rate: 100, ingestion_burst: 100 } } });
  });
  afterAll(() => server?.stop());

  it.each([
    ["grpc", "ResourceExhausted", /^\d+s$/],
    ["http", "429", /^\d+$/],
  ])("tells it over %s when to come again, so that it keeps its data", async (protocol, code, wait) => {
    const args = ["-endpoint", `127.0.0.1:${server.port}`, "-protocol", protocol];
    const answers: Answer[] = [];
    for (let i = 0; i < 4; i++) answers.push((await runGoProgram("otlpsend", args)).lines[0] as Answer);
    expect(answers.at(-1)).toMatchObject({ code, retryAfter: expect.stringMatching(wait) });
  });
});

describe.skipIf(!hasGo)("OTLP where the header names the tenant", () => {
  let server: Server;
  beforeAll(async () => {
    await buildGoPrograms();
    server = await startServer({ config: { auth: { mode: "header" } } });
  });
  afterAll(() => server?.stop());

  it.each([
    ["grpc", "Unauthenticated", "OK"],
    ["http", "401", "200"],
  ])("refuses %s without a tenant and takes it with one", async (protocol, refused, accepted) => {
    const endpoint = ["-endpoint", `127.0.0.1:${server.port}`, "-protocol", protocol];
    expect((await runGoProgram("otlpsend", endpoint)).lines[0]).toMatchObject({ code: refused });
    expect((await runGoProgram("otlpsend", [...endpoint, "-tenant", "team-a"])).lines[0]).toMatchObject({ code: accepted });
  });
});

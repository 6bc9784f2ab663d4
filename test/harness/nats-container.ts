import { GenericContainer, Wait } from "testcontainers";
import type { Engine } from "../../hack/neighbours/engine.ts";
import { NATS_VERSION, natsServer } from "../../hack/neighbours/nats-server.ts";

export interface NatsContainer {
  readonly urls: readonly string[];

  stop(): Promise<void>;
}

const PORT = 4222;
const MONITORING_PORT = 8222;
const READY_WITHIN_MS = 90_000;

/** A nats-server with JetStream in a container, from an image that holds the program alone. */
export async function startNatsContainer(engine: Engine): Promise<NatsContainer> {
  const image = `brazier.test/nats-server:${NATS_VERSION}`;
  await engine.imageOf(image, await natsServer());
  process.env["DOCKER_HOST"] = engine.host;
  // Its helper would have to be pulled; what is started here is stopped here.
  process.env["TESTCONTAINERS_RYUK_DISABLED"] = "true";
  const container = await new GenericContainer(image)
    .withCommand(["-js", "-sd", "/store", "-p", String(PORT), "-m", String(MONITORING_PORT)])
    .withExposedPorts(PORT, MONITORING_PORT)
    .withWaitStrategy(Wait.forHttp("/healthz", MONITORING_PORT).forStatusCode(200))
    .withStartupTimeout(READY_WITHIN_MS)
    .start();
  return {
    get urls() {
      return [`nats://${container.getHost()}:${container.getMappedPort(PORT)}`];
    },

    stop: async () => {
      await container.stop();
    },
  };
}

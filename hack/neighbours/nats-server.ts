import { goProgram } from "./go-program.ts";

/** The server behind the queue; the first with pinned consumers and per-message answers we rely on is 2.12. */
export const NATS_VERSION = "2.15.0";

/** The path of `nats-server`. */
export function natsServer(): Promise<string> {
  return goProgram({ name: "nats-server", version: NATS_VERSION, module: "github.com/nats-io/nats-server/v2" });
}

import { connect, errors, type NatsConnection } from "@nats-io/transport-node";
import { type Backoff, backoffMs } from "../base/backoff.ts";
import type { Clock } from "../base/clock.ts";
import { isCoded } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { counter, gauge, type Registry } from "../base/metrics.ts";
import type { Random } from "../base/random.ts";
import { SECOND_MS } from "../base/units.ts";
import { natsError } from "./errors.ts";
import { connectionOptions, type NatsOptions } from "./options.ts";

export type NatsDeps = {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly registry: Registry;
  /** How long the first connection may take; by default 30 s, as roles may start before NATS does. */
  readonly connectWithinMs?: number;
};

const CONNECT_WITHIN_MS = 30 * SECOND_MS;
const RETRY: Backoff = { firstMs: 250, maxMs: 2 * SECOND_MS };

/** The one connection of this process: queue, hints and shared work all go over it. It reconnects for ever. */
export interface Nats {
  readonly connection: NatsConnection;
  /** False from the moment that the connection is lost until it is back. */
  readonly isConnected: boolean;
  /** Called with each change of {@link Nats.isConnected}. Returns the way to stop. */
  onChange(listener: (isConnected: boolean) => void): () => void;
  close(): Promise<void>;
}

/**
 * Connects, trying again while nobody answers.
 * Errors: `nats_unavailable` (nobody answered in time), `nats_denied` (wrong credentials), `nats_credentials_unreadable`.
 */
export async function connectNats(options: NatsOptions, deps: NatsDeps): Promise<Nats> {
  const { clock, random, log } = deps;
  const servers = options.servers.join(", ");
  const withinMs = deps.connectWithinMs ?? CONNECT_WITHIN_MS;
  const startMs = clock.monotonicMs();
  for (let failures = 1; ; failures++) {
    try {
      return new Link(await connect(connectionOptions(options, "brazier")), deps);
    } catch (cause) {
      if (isCoded(cause)) throw cause;
      if (isDenial(cause)) {
        const facts = { servers: options.servers };
        throw natsError("nats_denied", `NATS at ${servers} does not let us in: check credentials and user (${String(cause)})`, {
          cause,
          facts,
        });
      }
      const pauseMs = backoffMs(RETRY, failures, random);
      if (clock.monotonicMs() - startMs + pauseMs > withinMs) {
        throw natsError(
          "nats_unavailable",
          `NATS at ${servers} does not answer: is it running, and queue.nats.servers right? (${reason(cause)})`,
          {
            cause,
            facts: { servers: options.servers, waited_ms: withinMs },
          },
        );
      }
      log.warn({ reason: reason(cause), servers: options.servers, pause_ms: pauseMs }, "no connection to NATS yet, will try again");
      await clock.sleep(pauseMs);
    }
  }
}

class Link implements Nats {
  readonly connection: NatsConnection;
  readonly #listeners = new Set<(isConnected: boolean) => void>();
  #isConnected = true;

  constructor(connection: NatsConnection, { log, registry }: NatsDeps) {
    this.connection = connection;
    gauge(registry, {
      name: "brazier_nats_connected",
      help: "1 while this process has its connection to NATS",
      collect: (metric) => metric.set(this.#isConnected ? 1 : 0),
    });
    const reconnects = counter(registry, {
      name: "brazier_nats_reconnects_total",
      help: "connections to NATS that came back after a loss",
    });
    log.info({ server: connection.getServer(), version: connection.info?.version }, "connected to NATS");
    void this.#follow(log, () => reconnects.inc());
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  onChange(listener: (isConnected: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    if (this.connection.isClosed()) return;
    // Draining sends what is under way; nothing to wait for without a connection.
    await (this.#isConnected ? this.connection.drain() : this.connection.close()).catch(() => this.connection.close());
  }

  async #follow(log: Log, onReconnect: () => void): Promise<void> {
    for await (const status of this.connection.status()) {
      switch (status.type) {
        case "disconnect":
          this.#change(false);
          log.warn({ server: status.server }, "connection to NATS lost, will connect again");
          break;
        case "reconnect":
          this.#change(true);
          onReconnect();
          log.info({ server: status.server }, "connected to NATS again");
          break;
        case "error":
          log.warn({ err: status.error }, "NATS reports an error");
          break;
        case "close":
          this.#change(false);
          break;
        default:
          break;
      }
    }
  }

  #change(isConnected: boolean): void {
    if (this.#isConnected === isConnected) return;
    this.#isConnected = isConnected;
    for (const listener of this.#listeners) listener(isConnected);
  }
}

function isDenial(error: unknown): boolean {
  return error instanceof errors.AuthorizationError || error instanceof errors.UserAuthenticationExpiredError;
}

function reason(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error ? `${String(error)}: ${cause.message}` : String(error);
}

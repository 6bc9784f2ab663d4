import type { Subscription } from "@nats-io/transport-node";
import type { Clock } from "../../base/clock.ts";
import { type DurationMs, SECOND_MS } from "../../base/units.ts";
import type { Nats } from "../../nats/nats.ts";

export type MembersDeps = {
  readonly nats: Nats;
  readonly clock: Clock;
  /** Where the workers of this stream call each other. */
  readonly subject: string;
  readonly id: string;
  /** Called with the names of all workers, this one included, whenever they change. */
  readonly onChange: (workers: readonly string[]) => void;
  /** How long a newcomer listens before it takes anything. */
  readonly listenMs?: number;
};

const BEAT_MS = 500;
/** Four beats missed: a dead worker's partitions have new owners two seconds later. */
const SILENT_AFTER_MS = 2 * SECOND_MS;
const LISTEN_MS = 600;

type Call = { readonly id: string; readonly leaving?: boolean };

/**
 * Who else works on this stream: everyone calls twice a second, and who is not heard for two is taken for dead. Two workers may believe different
 * things for a moment; that costs work and nothing else, as the catalog counts each message once.
 */
export class Members {
  readonly #deps: MembersDeps;
  readonly #heardMs = new Map<string, number>();
  readonly #stopping = new AbortController();
  #subscription: Subscription | undefined;
  #running: Promise<void> | undefined;
  #known = "";
  #isListening = true;

  constructor(deps: MembersDeps) {
    this.#deps = deps;
  }

  start(): void {
    const { nats, subject } = this.#deps;
    this.#subscription = nats.connection.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) this.#hear(message.json<Call>());
      },
    });
    this.#running = this.#run();
  }

  /** The others take over at once. */
  async leave(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    this.#stopping.abort();
    await this.#running;
    this.#subscription?.unsubscribe();
    this.#call({ id: this.#deps.id, leaving: true });
  }

  async #run(): Promise<void> {
    const { clock, id, nats, listenMs } = this.#deps;
    const { signal } = this.#stopping;
    this.#call({ id });
    await clock.sleep((listenMs ?? LISTEN_MS) as DurationMs, signal);
    this.#isListening = false;
    let wasConnected = true;
    while (!signal.aborted) {
      const now = clock.monotonicMs();
      // Without a connection nobody is heard, which says nothing about them.
      if (nats.isConnected && !wasConnected) for (const other of this.#heardMs.keys()) this.#heardMs.set(other, now);
      wasConnected = nats.isConnected;
      if (wasConnected) for (const [other, heardMs] of this.#heardMs) if (now - heardMs > SILENT_AFTER_MS) this.#heardMs.delete(other);
      this.#call({ id });
      this.#tell();
      await clock.sleep(BEAT_MS as DurationMs, signal);
    }
  }

  #hear({ id, leaving }: Call): void {
    if (id === this.#deps.id) return;
    const isNew = !this.#heardMs.has(id);
    if (leaving === true) this.#heardMs.delete(id);
    else this.#heardMs.set(id, this.#deps.clock.monotonicMs());
    // A newcomer shall know us before it takes what is ours.
    if (isNew && leaving !== true) this.#call({ id: this.#deps.id });
    if (isNew || leaving === true) this.#tell();
  }

  #call(call: Call): void {
    const { nats, subject } = this.#deps;
    if (nats.isConnected) nats.connection.publish(subject, JSON.stringify(call));
  }

  #tell(): void {
    if (this.#isListening || this.#stopping.signal.aborted) return;
    const workers = [this.#deps.id, ...this.#heardMs.keys()].sort();
    const known = workers.join(" ");
    if (known === this.#known) return;
    this.#known = known;
    this.#deps.onChange(workers);
  }
}

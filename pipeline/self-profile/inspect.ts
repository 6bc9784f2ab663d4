import { type InspectorNotification, type NodeWorker, Session } from "node:inspector";
import type { Clock } from "../base/clock.ts";
import type { DurationMs } from "../base/units.ts";
import type { CpuProfile, HeapNode } from "./convert.ts";

/** 10 ms, as most profilers: a hundred samples a second cost well under a percent of a core. */
export const CPU_SAMPLING_MS = 10;
/** As Go: one sample per 512 KiB allocated, on average. */
const HEAP_SAMPLING_BYTES = 512 * 1024;
/** A thread that is busy in native code answers late; its profile is then part of the next one. */
const ANSWER_WITHIN_MS = 3_000;

/** What one thread has done since the last time it was asked. */
export type ThreadProfile = {
  readonly thread: "main" | "worker";
  readonly cpu: CpuProfile | undefined;
  readonly heap: HeapNode | undefined;
};

type Answer = { readonly result?: unknown; readonly error?: unknown };
type Post = (method: string, parameters?: object) => Promise<Answer>;
type Thread = { readonly name: ThreadProfile["thread"]; readonly post: Post };

/**
 * Samples this process with V8's own profilers, through the inspector but without its port: the main thread, and every worker
 * thread from the moment it starts.
 */
export class ProcessInspector {
  readonly #clock: Clock;
  readonly #session = new Session();
  readonly #threads = new Map<string, Thread>();
  readonly #waiting = new Map<string, (answer: Answer) => void>();
  #messages = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async start(): Promise<void> {
    this.#session.connect();
    const main: Thread = { name: "main", post: (method, parameters) => this.#postMain(method, parameters) };
    this.#threads.set("main", main);
    await startSampling(main);
    this.#session.on("NodeWorker.attachedToWorker", ({ params }) => this.#attach(params));
    this.#session.on("NodeWorker.detachedFromWorker", ({ params }) => this.#threads.delete(params.sessionId));
    this.#session.on("NodeWorker.receivedMessageFromWorker", (notification) => this.#receive(notification));
    await main.post("NodeWorker.enable", { waitForDebuggerOnStart: false });
  }

  /**
   * Ends the running CPU profile of every thread and begins the next one; with the heap, also reads what is alive there, for which V8
   * collects all garbage first.
   */
  async take(withHeap: boolean): Promise<readonly ThreadProfile[]> {
    return Promise.all(
      [...this.#threads.values()].map(async ({ name, post }) => {
        const cpu = (await post("Profiler.stop")).result as { readonly profile: CpuProfile } | undefined;
        await post("Profiler.start");
        if (!withHeap) return { thread: name, cpu: cpu?.profile, heap: undefined };
        const heap = (await post("HeapProfiler.getSamplingProfile")).result as
          | { readonly profile: { readonly head: HeapNode } }
          | undefined;
        return { thread: name, cpu: cpu?.profile, heap: heap?.profile?.head };
      }),
    );
  }

  stop(): void {
    this.#threads.clear();
    for (const settle of this.#waiting.values()) settle({});
    this.#session.disconnect();
  }

  #attach({ sessionId }: NodeWorker.AttachedToWorkerEventDataType): void {
    const worker: Thread = { name: "worker", post: (method, parameters) => this.#postWorker(sessionId, method, parameters) };
    this.#threads.set(sessionId, worker);
    void startSampling(worker);
  }

  #postMain(method: string, parameters?: object): Promise<Answer> {
    return new Promise((resolve) => {
      try {
        this.#session.post(method, parameters, (error, result) => resolve(error === null ? { result } : { error }));
      } catch (error) {
        // Stopped while a thread was still being prepared.
        resolve({ error });
      }
    });
  }

  async #postWorker(sessionId: string, method: string, parameters: object = {}): Promise<Answer> {
    const id = this.#messages++;
    const key = `${sessionId}:${id}`;
    const patience = new AbortController();
    const answer = new Promise<Answer>((resolve) => {
      this.#waiting.set(key, resolve);
      void this.#clock.sleep(ANSWER_WITHIN_MS as DurationMs, patience.signal).then(() => resolve({}));
    });
    await this.#postMain("NodeWorker.sendMessageToWorker", { sessionId, message: JSON.stringify({ id, method, params: parameters }) });
    const settled = await answer;
    patience.abort();
    this.#waiting.delete(key);
    return settled;
  }

  #receive({ params }: InspectorNotification<NodeWorker.ReceivedMessageFromWorkerEventDataType>): void {
    const message = JSON.parse(params.message) as Answer & { readonly id?: number };
    if (message.id !== undefined) this.#waiting.get(`${params.sessionId}:${message.id}`)?.(message);
  }
}

async function startSampling({ post }: Thread): Promise<void> {
  await post("Profiler.enable");
  await post("Profiler.setSamplingInterval", { interval: CPU_SAMPLING_MS * 1000 });
  await post("Profiler.start");
  await post("HeapProfiler.startSampling", { samplingInterval: HEAP_SAMPLING_BYTES });
}

import { type Backoff, backoffMs } from "../../base/backoff.ts";
import type { Clock } from "../../base/clock.ts";
import { FaultKind, isCoded } from "../../base/errors.ts";
import type { Running } from "../../base/lifecycle.ts";
import type { Log } from "../../base/log.ts";
import type { Registry } from "../../base/metrics.ts";
import type { Random } from "../../base/random.ts";
import { NO_TRACER, TRACEPARENT_HEADER, type Tracer } from "../../base/trace.ts";
import { type DurationMs, SECOND_MS } from "../../base/units.ts";
import type { Catalog } from "../../catalog/catalog.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import type { Queue, QueueMessage } from "../../queue/queue.ts";
import { BATCH_LIMITS, type BatchLimits } from "./batch.ts";
import { type Build, type BuiltSegment, buildBatch } from "./built-segment.ts";
import { collect } from "./collect.ts";
import { createSegmentMetrics, type SegmentMetrics } from "./metrics.ts";
import { asPublishFault, Publication, type Published } from "./publish.ts";
import { type SegmentBatch, splitConsumed } from "./segment-batch.ts";

export type SegmentDeps = {
  readonly queue: Queue;
  readonly store: ObjectStore;
  readonly catalog: Catalog;
  readonly build: Build;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly registry: Registry;
  readonly tracer?: Tracer;
  readonly limits?: Partial<BatchLimits>;
  /** How long a bucket that does not answer is asked again before messages go back to the queue; by default 5 s, half of what SDKs wait for an answer. */
  readonly giveUpAfterMs?: number;
};

const GIVE_UP_AFTER_MS = 5 * SECOND_MS;
const RETRY: Backoff = { firstMs: 100, maxMs: 2 * SECOND_MS };
const PULL_PAUSE_MS = 100;
/** A batch whose messages are overtaken one after the other gets smaller each time; this is only a bound on defects. */
const OVERTAKEN_MAX = 100;

/**
 * QUEUE → SEGMENT: pulls messages, cuts batches, builds one segment each, makes it visible in one catalog commit that also counts its
 * messages, and only then acknowledges them. Stopping takes in what is in the queue first.
 */
export function startSegmentRole(deps: SegmentDeps): Running {
  const stopping = new AbortController();
  const worker = new SegmentWorker(deps);
  const running = worker.run(stopping.signal);
  running.catch((error: unknown) => deps.log.error({ err: error }, "segment role failed"));
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

class SegmentWorker {
  readonly #deps: SegmentDeps;
  readonly #limits: BatchLimits;
  readonly #metrics: SegmentMetrics;
  readonly #giveUpAfterMs: number;
  /** Counts how often messages went back: a batch of an earlier round may lie behind some that did. */
  #round = 0;
  #lastFault: unknown;

  constructor(deps: SegmentDeps) {
    this.#deps = deps;
    this.#limits = { ...BATCH_LIMITS, ...deps.limits };
    this.#metrics = createSegmentMetrics(deps.registry, deps.queue, deps.clock);
    this.#giveUpAfterMs = deps.giveUpAfterMs ?? GIVE_UP_AFTER_MS;
  }

  /** While one segment is published the next one is collected and built; they are published in order, or progress would skip messages. */
  async run(signal: AbortSignal): Promise<void> {
    const stream = await this.#deps.queue.streamId();
    let publishing: Promise<void> = Promise.resolve();
    // What a durable queue holds is left to the others; of the one in this process nobody else would take it in.
    while (!(signal.aborted && this.#deps.queue.isDurable)) {
      const { messages, round } = await this.#collect(signal);
      if (messages.length === 0 && signal.aborted) break;
      const batch = this.#dropConsumed({ stream, messages });
      const building = this.#build(batch).catch((error: unknown) => ({ buildError: error }));
      const [built] = await Promise.all([building, publishing]);
      // What was pulled before the one ahead went back goes back too: a partition's messages are counted in order.
      if (round !== this.#round) this.#giveBack(batch, this.#lastFault);
      else if ("buildError" in built) this.#giveBack(batch, built.buildError);
      else publishing = this.#traced("commit", built.batch, () => this.#publish(built));
    }
    await publishing;
  }

  /** Empty after a failure, and after a pause: a queue that fails at once must not keep this process busy. */
  async #collect(signal: AbortSignal): Promise<{ readonly messages: readonly QueueMessage[]; readonly round: number }> {
    const { queue, clock, log } = this.#deps;
    let round = this.#round;
    const onOpen = (): void => {
      round = this.#round;
    };
    try {
      const messages = await collect({ queue, clock, limits: this.#limits, onOpen }, signal);
      if (messages.length > 0 || signal.aborted) return { messages, round };
    } catch (error) {
      log.warn({ err: error }, "pulling from the queue failed, will try again");
    }
    await clock.sleep(PULL_PAUSE_MS as DurationMs, signal);
    return { messages: [], round };
  }

  #dropConsumed(batch: SegmentBatch): SegmentBatch {
    const { fresh, consumed } = splitConsumed(batch, this.#deps.catalog.state);
    for (const message of consumed) message.ack();
    this.#metrics.repeated.inc(consumed.length);
    return fresh;
  }

  /** The trace of the first message that has one; the others' are linked. */
  #traced<Result>(name: string, { messages }: SegmentBatch, work: () => Promise<Result>): Promise<Result> {
    const from = messages.map((message) => message.headers?.[TRACEPARENT_HEADER]);
    const tracer = from.some((header) => header !== undefined) ? (this.#deps.tracer ?? NO_TRACER) : NO_TRACER;
    return tracer.begin(name, { kind: "consumer", facts: { messages: messages.length }, from }, work);
  }

  async #build(batch: SegmentBatch): Promise<BuiltSegment> {
    const startMs = this.#deps.clock.monotonicMs();
    if (batch.messages.length === 0) return { batch, object: undefined, dead: [] };
    const built = await this.#traced("build", batch, () => buildBatch(batch, this.#deps.build));
    this.#metrics.buildSeconds.observe((this.#deps.clock.monotonicMs() - startMs) / SECOND_MS);
    return built;
  }

  /** Publishes, asking an unavailable bucket again for a while; what another owner has taken is left out and the rest built anew. */
  async #publish(built: BuiltSegment): Promise<void> {
    let current = built;
    for (let overtaken = 0; overtaken < OVERTAKEN_MAX; overtaken++) {
      if (current.batch.messages.length === 0) return;
      const startMs = this.#deps.clock.monotonicMs();
      const publication = new Publication(current, this.#deps);
      let published: Published;
      try {
        published = await this.#untilGivenUp(publication);
      } catch (error) {
        const done = await publication.giveUp(error);
        if (done === undefined) return this.#giveBack(current.batch, error);
        published = done;
      }
      if (published.kind === "published") {
        this.#metrics.publishSeconds.observe((this.#deps.clock.monotonicMs() - startMs) / SECOND_MS);
        this.#settle(current, published);
        return;
      }
      this.#metrics.lostRaces.inc();
      const { batch } = current;
      try {
        current = await this.#build(this.#dropConsumed(batch));
      } catch (error) {
        return this.#giveBack(batch, error);
      }
    }
    return this.#giveBack(current.batch, new Error("overtaken again and again"));
  }

  async #untilGivenUp(publication: Publication): Promise<Published> {
    const { clock, random, log } = this.#deps;
    const startMs = clock.monotonicMs();
    for (let failures = 1; ; failures++) {
      try {
        return await publication.attempt();
      } catch (error) {
        const pauseMs = backoffMs(RETRY, failures, random);
        const spentMs = clock.monotonicMs() - startMs;
        const mayHelp = isCoded(error) && (error.kind === FaultKind.Unavailable || error.kind === FaultKind.Conflict);
        if (!mayHelp || spentMs + pauseMs > this.#giveUpAfterMs) throw error;
        log.warn({ err: error, attempt: failures, pause_ms: pauseMs }, "publishing a segment failed, will try again");
        await clock.sleep(pauseMs);
      }
    }
  }

  #settle({ batch, object, dead }: BuiltSegment, { sizeBytes }: Published & { readonly kind: "published" }): void {
    const faults = new Map(dead.map(({ message, fault }) => [message, fault]));
    for (const message of batch.messages) {
      const fault = faults.get(message);
      if (fault === undefined) message.ack();
      else this.#bury(message, fault);
    }
    if (object !== undefined) this.#metrics.segments.inc();
    this.#metrics.segmentBytes.inc(sizeBytes);
    this.#metrics.messages.inc(batch.messages.length - dead.length);
  }

  #bury(message: QueueMessage, fault: Error & { readonly code: string }): void {
    message.term(fault);
    this.#metrics.deadLetters.inc({ reason: fault.code });
    const { partition, sequence } = message;
    this.#deps.log.error({ err: fault, partition, sequence }, "message cannot be read, put aside under dead/");
  }

  #giveBack(batch: SegmentBatch, error: unknown): void {
    this.#round++;
    this.#lastFault = error;
    const fault = asPublishFault(error);
    this.#deps.log.error(
      { err: error, messages: batch.messages.length },
      "a segment could not be published, its messages go back to the queue",
    );
    // Last to first: each one finds its place before those that follow it.
    for (const message of batch.messages.toReversed()) message.nak(fault);
    this.#metrics.givenBack.inc({ reason: fault.code }, batch.messages.length);
  }
}

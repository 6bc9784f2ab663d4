import type { Clock } from "../../base/clock.ts";
import { isCoded } from "../../base/errors.ts";
import type { Running } from "../../base/lifecycle.ts";
import type { Log } from "../../base/log.ts";
import type { Registry } from "../../base/metrics.ts";
import { inSpan } from "../../base/trace.ts";
import type { TenantId } from "../../base/units.ts";
import type { Catalog, CatalogState } from "../../catalog/catalog.ts";
import type { Asking } from "./asking.ts";
import type { DiskCache } from "./disk-cache/keeper.ts";
import type { EngineLimits } from "./engine.ts";
import { FairTurns, type Lane, type LaneSlots } from "./fair-turns.ts";
import { createQueryMetrics } from "./metrics.ts";
import type { QueryCost } from "./query-thread.ts";
import { QueryThreads, type QueryThreadsOptions } from "./query-threads.ts";
import type { Question } from "./question.ts";
import { askPeers } from "./share/ask-peers.ts";
import type { MessageBus } from "./share/message-bus.ts";
import { serveParts } from "./share/serve-parts.ts";

export type QueryRoleDeps = {
  readonly catalog: Catalog;
  /** Keeps the objects of a catalog version in the bucket until the pin is released. */
  readonly pin: (version: number) => () => void;
  readonly threads: Omit<QueryThreadsOptions, "questionsPerThread" | "partsPerThread" | "sharing" | "rangeFiles">;
  /** Keeps ranges of the bucket on disk; undefined: the bucket is as near. Closed with the role. */
  readonly diskCache: DiskCache | undefined;
  /** Undefined: this querier has no peers. */
  readonly peers: { readonly bus: MessageBus; readonly shareAboveBytes: number; readonly log: Log } | undefined;
  readonly clock: Clock;
  readonly registry: Registry;
  /** Of every question; 0 is no bound. */
  readonly limits: EngineLimits;
  readonly limitsOf: (tenant: TenantId) => TenantQueryLimits;
  /** Questions that may wait for their turn. */
  readonly waitingMax: number;
};

/** What one tenant may ask; 0 is no bound. */
export type TenantQueryLimits = {
  /** Questions at once, running and waiting. */
  readonly concurrencyMax: number;
  /** Bytes that one question may read. */
  readonly readBytesMax: number;
};

/** The door of the query role. */
export interface QueryRole extends Running {
  /**
   * Answers from the newest state of the catalog. Resolves with the protobuf bytes of the whole response message.
   * Errors: those of {@link FairTurns.take} and {@link QueryThreads.ask}.
   */
  ask(question: Question, asking: Asking): Promise<Uint8Array>;
}

/**
 * Of one tenant on one thread. A question waits for the bucket about as long as it computes; those about labels have places of their own, so that a page
 * still lists what there is while its flame graphs are made.
 */
const QUESTIONS_PER_THREAD: Readonly<Record<Lane, number>> = { labels: 2, values: 4 };

/** Parts never wait for other parts, so that a querier whose own questions wait for peers still answers theirs. */
const PARTS_PER_THREAD = 2;

/** With a newer state of the catalog each: the bucket's grace for what was compacted is longer than nearly all questions. */
const ATTEMPTS = 3;

/** Starts the query role: nothing runs until the first question. */
export function startQueryRole(deps: QueryRoleDeps): QueryRole {
  const { catalog, pin, clock, registry, limits, limitsOf } = deps;
  const lanes = { labels: laneSlots("labels", deps.threads.threads), values: laneSlots("values", deps.threads.threads) };
  const { peers } = deps;
  const threads = new QueryThreads({
    ...deps.threads,
    rangeFiles: deps.diskCache?.files,
    questionsPerThread: (lanes.labels.slots + lanes.values.slots) / deps.threads.threads,
    partsPerThread: peers === undefined ? 0 : PARTS_PER_THREAD,
    sharing:
      peers === undefined
        ? undefined
        : { aboveBytes: peers.shareAboveBytes, askPeers: (request) => shared(request, () => askPeers(request, { bus: peers.bus, clock })) },
  });
  const turns = new FairTurns({
    lanes,
    waitingMax: deps.waitingMax,
    openMaxOf: (tenant) => limitsOf(tenant).concurrencyMax,
  });
  const metrics = createQueryMetrics(registry, { turns, threads, diskCache: deps.diskCache, partsAtWork: () => server?.open ?? 0 });
  const onCost = ({ bytesRead, cacheHits, cacheMisses, diskHits }: QueryCost): void => {
    metrics.readBytes.inc(bytesRead);
    metrics.cacheHits.inc(cacheHits);
    metrics.cacheMisses.inc(cacheMisses);
    metrics.diskHits.inc(diskHits);
  };

  const shared = async ({ signal }: { readonly signal: AbortSignal }, ask: () => Promise<Uint8Array>): Promise<Uint8Array> => {
    try {
      const bytes = await ask();
      metrics.parts.inc({ side: "asked", outcome: "answered" });
      return bytes;
    } catch (error) {
      metrics.parts.inc({ side: "asked", outcome: signal.aborted ? "cancelled" : isCoded(error) ? error.code : "defect" });
      throw error;
    }
  };
  const server =
    peers === undefined
      ? undefined
      : serveParts({
          bus: peers.bus,
          clock,
          log: peers.log,
          partsMax: PARTS_PER_THREAD * deps.threads.threads,
          answer: async (part, { leftMs, signal }) => {
            const bytes = await threads.answerPart({ part, limits: { ...limits, durationMsMax: leftMs }, signal, onCost });
            metrics.parts.inc({ side: "answered", outcome: "answered" });
            return bytes;
          },
        });

  const inTurn = async (question: Question, { tenants, signal }: Asking): Promise<Uint8Array> => {
    const end = await turns.take(laneOf(question), { tenants, signal });
    const startedMs = clock.monotonicMs();
    const bytesMax = tightest([limits.bytesMax, ...tenants.map((tenant) => limitsOf(tenant).readBytesMax)]);
    try {
      for (let attempt = 1; ; attempt++) {
        const { state } = catalog;
        try {
          return await pinned(state, () => threads.ask({ question, state, limits: { ...limits, bytesMax }, signal, onCost }));
        } catch (error) {
          if (attempt === ATTEMPTS || !isCoded(error, "object_not_found")) throw error;
          // Compaction of another process has put something in its place.
          if ((await catalog.refresh(signal)).version === state.version) throw error;
        }
      }
    } finally {
      end();
      metrics.seconds.observe({ kind: kindOf(question) }, (clock.monotonicMs() - startedMs) / 1000);
    }
  };
  const pinned = async (state: CatalogState, ask: () => Promise<Uint8Array>): Promise<Uint8Array> => {
    const release = pin(state.version);
    try {
      return await ask();
    } finally {
      release();
    }
  };

  return {
    ask: async (question, asking) => {
      try {
        const bytes = await inSpan("query", { kind: kindOf(question) }, () => inTurn(question, asking));
        metrics.questions.inc({ kind: kindOf(question), outcome: "answered" });
        return bytes;
      } catch (error) {
        const outcome = isCoded(error, "query_cancelled") ? "cancelled" : isCoded(error) ? error.code : "defect";
        metrics.questions.inc({ kind: kindOf(question), outcome });
        throw error;
      }
    },
    stop: async () => {
      await server?.stop();
      await threads.close();
      await deps.diskCache?.stop();
    },
  };
}

/** In which form an answer leaves says nothing about the question. */
function kindOf(question: Question): string {
  return question.kind === "json" ? question.of.kind : question.kind;
}

function laneOf(question: Question): Lane {
  return LABEL_KINDS.has(kindOf(question)) ? "labels" : "values";
}

/** What reads no values. */
const LABEL_KINDS: ReadonlySet<string> = new Set<Question["kind"]>([
  "profile_types",
  "label_names",
  "label_values",
  "series",
  "profile_stats",
  "analyze_query",
]);

/** One place more than a single tenant gets: on each thread another tenant finds one. */
function laneSlots(lane: Lane, threads: number): LaneSlots {
  const ofTenant = QUESTIONS_PER_THREAD[lane];
  return { slots: (ofTenant + 1) * threads, tenantSlots: ofTenant * threads };
}

/** 0 is no bound. */
function tightest(bounds: readonly number[]): number {
  const finite = bounds.filter((bound) => bound > 0);
  return finite.length === 0 ? 0 : Math.min(...finite);
}

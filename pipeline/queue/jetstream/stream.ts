import {
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from "@nats-io/jetstream";
import { type Backoff, backoffMs } from "../../base/backoff.ts";
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import { SECOND_MS } from "../../base/units.ts";
import { queueError } from "../errors.ts";

/** What the stream shall be, as the configuration says it. 0 bytes and 0 ms mean no bound. */
export type StreamWish = {
  readonly name: string;
  readonly partitions: number;
  readonly replicas: number;
  readonly bytesMax: number;
  readonly ageMsMax: number;
  readonly duplicateWindowMs: number;
};

const NS_PER_MS = 1_000_000;
const PARTITIONS_KEY = "brazier-partitions";
const STREAM_NOT_FOUND = 10059;
/** Of the request itself, which will be wrong again: everything else of the API may only be not ready yet. */
const INVALID_STATUS = 400;
/** No room for the bytes, no servers for the replicas: not a matter of waiting. */
const HOPELESS: ReadonlySet<number> = new Set([10047, 10074]);
/** The servers of a cluster need some seconds to agree on a leader before one of them makes a stream. */
const OPEN_WITHIN_MS = 30 * SECOND_MS;
const RETRY: Backoff = { firstMs: 200, maxMs: 2 * SECOND_MS };

/** `BRAZIER_PROFILES` → `brazier.profiles`: a second installation on the same servers takes another name and meets nobody. */
export function subjectPrefix(stream: string): string {
  return stream.toLowerCase().replaceAll("_", ".");
}

/** `<name>@<creation>`, the creation in nine digits: servers leave zeros at the end out, and streams are put in the order of their texts. */
export function streamIdOf(name: string, created: string): string {
  const [, seconds = created, fraction = ""] = /^(.*?)(?:\.(\d+))?Z$/.exec(created) ?? [];
  return `${name}@${seconds}.${fraction.padEnd(9, "0")}Z`;
}

/**
 * Makes the stream, or checks the one that is there; never changes it. Gives its identity.
 * Errors: `queue_stream_differs` (names each difference), `queue_unavailable`.
 */
export async function openStream(
  jsm: JetStreamManager,
  wish: StreamWish,
  { clock, random, log }: { readonly clock: Clock; readonly random: Random; readonly log: Log },
): Promise<string> {
  const startMs = clock.monotonicMs();
  for (let failures = 1; ; failures++) {
    try {
      const info = await findOrMake(jsm, wish);
      const differences = differencesOf(info.config, wish);
      if (differences.length > 0) throw differs(wish.name, differences);
      return streamIdOf(wish.name, info.created);
    } catch (error) {
      if (!(error instanceof Error) || error.name === "CodedError") throw error;
      if (error instanceof JetStreamApiError && (error.status === INVALID_STATUS || HOPELESS.has(error.code))) {
        throw queueError("queue_stream_differs", `NATS does not take stream ${wish.name} as queue.nats describes it: ${error.message}`, {
          cause: error,
          facts: { stream: wish.name },
        });
      }
      const pauseMs = backoffMs(RETRY, failures, random);
      if (clock.monotonicMs() - startMs + pauseMs > OPEN_WITHIN_MS) {
        const message = `NATS has no stream ${wish.name} and cannot make it now: ${error.message}. Is JetStream on, with room for queue.nats.max_bytes and servers for queue.nats.replicas?`;
        throw queueError("queue_unavailable", message, { cause: error, facts: { stream: wish.name } });
      }
      log.warn({ err: error, stream: wish.name, pause_ms: pauseMs }, "no stream yet, will try again");
      await clock.sleep(pauseMs);
    }
  }
}

export function isNoStream(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND;
}

async function findOrMake(jsm: JetStreamManager, wish: StreamWish): Promise<StreamInfo> {
  try {
    return await jsm.streams.info(wish.name);
  } catch (error) {
    if (!isNoStream(error)) throw error;
  }
  return jsm.streams.add(configOf(wish));
}

/**
 * Messages stay until they are purged up to what a catalog entry counts, so the stream is the truth of what waits and no consumer's state
 * is (decision 0050). A full stream refuses: what was acknowledged is never pushed out by what comes later.
 */
function configOf(wish: StreamWish): Partial<StreamConfig> & { name: string } {
  return {
    name: wish.name,
    description: "profiles on their way into the bucket",
    subjects: [`${subjectPrefix(wish.name)}.*`],
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.New,
    storage: StorageType.File,
    num_replicas: wish.replicas,
    max_bytes: wish.bytesMax === 0 ? -1 : wish.bytesMax,
    max_age: wish.ageMsMax * NS_PER_MS,
    duplicate_window: wish.duplicateWindowMs * NS_PER_MS,
    metadata: { [PARTITIONS_KEY]: String(wish.partitions) },
  };
}

type Difference = { readonly what: string; readonly is: unknown; readonly wanted: unknown };

/** What of the stream contradicts the configuration; what we do not care about may be anything. Pure. */
export function differencesOf(config: StreamConfig, wish: StreamWish): readonly Difference[] {
  const wanted = configOf(wish);
  const keys = ["retention", "discard", "storage", "num_replicas", "max_bytes", "max_age", "duplicate_window"] as const;
  const rows: Difference[] = keys.map((key) => ({ what: key, is: config[key], wanted: wanted[key] }));
  rows.push({ what: "subjects", is: config.subjects.join(","), wanted: wanted.subjects?.join(",") });
  rows.push({ what: "partitions", is: config.metadata?.[PARTITIONS_KEY] ?? "none", wanted: String(wish.partitions) });
  return rows.filter(({ is, wanted: other }) => is !== other);
}

function differs(name: string, differences: readonly Difference[]) {
  const list = differences.map(({ what, is, wanted }) => `${what} is ${String(is)}, not ${String(wanted)}`).join("; ");
  const message = `stream ${name} is there with other settings: ${list}. Set queue.nats and queue.partitions to what it is, or change the stream (nats stream edit) once it is empty`;
  return queueError("queue_stream_differs", message, { facts: { stream: name, differences } });
}

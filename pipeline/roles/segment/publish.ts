import { assert } from "../../base/assert.ts";
import type { Clock } from "../../base/clock.ts";
import { CodedError, FaultKind, isCoded } from "../../base/errors.ts";
import type { Random } from "../../base/random.ts";
import { inSpan } from "../../base/trace.ts";
import { MINUTE_MS, type UnixMs } from "../../base/units.ts";
import type { Catalog, CatalogChange } from "../../catalog/catalog.ts";
import { newObjectId } from "../../objects/object-id.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { deadKey, segmentKey } from "../../objects/paths.ts";
import type { BuiltSegment } from "./built-segment.ts";
import { deadLetter } from "./dead-letter.ts";
import { progressOf, splitConsumed } from "./segment-batch.ts";

export type PublishDeps = { readonly store: ObjectStore; readonly catalog: Catalog; readonly clock: Clock; readonly random: Random };

/** What became of a segment. `overtaken`: another owner has committed some of its messages, so this segment must not be seen. */
export type Published =
  | { readonly kind: "published"; readonly key: string | undefined; readonly sizeBytes: number }
  | { readonly kind: "overtaken" };

/**
 * A segment that was put this long ago and is in no catalog entry may soon be taken for garbage by a sweeper (who waits two minutes at
 * least): it is put again. Far above any commit that is merely slow.
 */
const PUT_AGAIN_AFTER_MS = MINUTE_MS;

/**
 * One segment on its way into the catalog. {@link Publication.attempt} may be called again after a failure of the bucket: nothing is done twice.
 */
export class Publication {
  readonly #built: BuiltSegment;
  readonly #deps: PublishDeps;
  /** A deletion reaches what was stored before it, however late the commit. */
  readonly #createdMs: UnixMs;
  #put: { readonly key: string; readonly atMs: UnixMs } | undefined;
  #deadLetters = 0;
  /** A commit failed in a way that may have had its effect. */
  #uncertain = false;

  constructor(built: BuiltSegment, deps: PublishDeps) {
    this.#built = built;
    this.#deps = deps;
    this.#createdMs = deps.clock.nowMs();
  }

  /** Puts the segment, puts dead messages aside, then makes all of it visible in one commit. Errors: those of the bucket and the catalog. */
  async attempt(): Promise<Published> {
    await this.#putDeadLetters();
    const put = await this.#putSegment();
    let overtaken = false;
    try {
      await this.#deps.catalog.commit((state) => {
        overtaken = false;
        if (put !== undefined && state.objects.has(put.key)) return undefined; // an earlier attempt had its effect
        overtaken = splitConsumed(this.#built.batch, state).consumed.length > 0;
        return overtaken ? undefined : this.#change(put);
      });
    } catch (error) {
      this.#uncertain = true;
      throw error;
    }
    if (!overtaken) return this.#published(put);
    // Only a segment that surely is in no entry is deleted here; the sweeper judges the others.
    if (put !== undefined && !this.#uncertain) await this.#deps.store.delete(put.key).catch(() => {});
    return { kind: "overtaken" };
  }

  /**
   * For the end of all attempts: tells whether one of them had its effect after all. If none had, and the bucket was full, the segment is deleted at
   * once: it takes the space that would help.
   */
  async giveUp(error: unknown): Promise<Published | undefined> {
    const put = this.#put;
    const { store, catalog } = this.#deps;
    if (put === undefined) return undefined;
    const state = await catalog.refresh().catch(() => undefined);
    if (state?.objects.has(put.key) === true) return this.#published(put);
    if (state !== undefined && isCoded(error, "object_store_full")) await store.delete(put.key).catch(() => {});
    return undefined;
  }

  #published(put: { readonly key: string } | undefined): Published {
    return { kind: "published", key: put?.key, sizeBytes: this.#built.object?.bytes.byteLength ?? 0 };
  }

  async #putSegment(): Promise<{ readonly key: string; readonly atMs: UnixMs } | undefined> {
    const { object } = this.#built;
    if (object === undefined) return undefined;
    const { clock, random, store, catalog } = this.#deps;
    if (this.#put !== undefined && (catalog.state.objects.has(this.#put.key) || clock.nowMs() - this.#put.atMs < PUT_AGAIN_AFTER_MS))
      return this.#put;
    const put = { key: segmentKey(newObjectId(clock, random)), atMs: clock.nowMs() };
    await inSpan("put", { size_bytes: object.bytes.byteLength }, () => store.create(put.key, object.bytes));
    this.#put = put;
    return put;
  }

  #change(put: { readonly key: string; readonly atMs: UnixMs } | undefined): CatalogChange {
    const { batch, object } = this.#built;
    assert((put === undefined) === (object === undefined), "what is committed was put");
    const added =
      put === undefined || object === undefined
        ? []
        : [{ key: put.key, sizeBytes: object.bytes.byteLength, level: 0, createdMs: this.#createdMs, datasets: object.directory.datasets }];
    return { added, retired: [], consumed: progressOf(batch), tombstonesAdded: [], tombstonesDropped: [] };
  }

  async #putDeadLetters(): Promise<void> {
    const { store, clock, random } = this.#deps;
    for (const { message, fault } of this.#built.dead.slice(this.#deadLetters)) {
      const letter = deadLetter(message, fault, { stream: this.#built.batch.stream, nowMs: clock.nowMs() });
      await store.create(deadKey(newObjectId(clock, random)), letter);
      this.#deadLetters++;
    }
  }
}

/** The fault that publishers get when their messages are given back. */
export function asPublishFault(error: unknown): CodedError {
  if (isCoded(error))
    return new CodedError(error.code, error.kind, error.rawMessage, { cause: error, facts: { retryAfterSeconds: 5, ...error.facts } });
  return new CodedError("segment_publish_failed", FaultKind.Unavailable, "the profile could not be stored: send again", {
    cause: error,
    facts: { retryAfterSeconds: 5 },
  });
}

import { assert } from "../../base/assert.ts";
import { CodedError, FaultKind, isCoded } from "../../base/errors.ts";
import { inSteps } from "../../base/steps.ts";
import { type DatasetEntry, type SectionEntry, SectionKind } from "../../block/directory.ts";
import { findSection, readProfiles, readSeries, readStackValues, readSymbols } from "../../block/reader.ts";
import type { ProfileColumns } from "../../block/section/profiles.ts";
import type { StackValues } from "../../block/section/stack-values.ts";
import type { LabelSet } from "../../profile/labels.ts";
import type { Symbols } from "../../symbols/symbols.ts";
import type { Pace } from "./pace.ts";
import type { PlannedDataset } from "./plan.ts";
import type { SectionCache } from "./section-cache.ts";
import { buildStackNames, type StackNames } from "./stack-names.ts";

/** Reads a range of an object; see ObjectStore.getRange. */
export type ReadRange = (key: string, offset: number, size: number, signal: AbortSignal) => Promise<Uint8Array>;

/** What one query may read. */
export type ReadBudget = { readonly bytesMax: number; bytesRead: number };

export type SectionReaderParts = {
  readonly readRange: ReadRange;
  readonly cache: SectionCache;
  readonly budget: ReadBudget;
  readonly pace: Pace;
};

/**
 * Reads sections of datasets through the cache.
 *
 * Errors: `query_limit_bytes` (too_large) once a query has read more than its budget; `block_…`; `object_…`; those of {@link Pace.step}.
 */
export class SectionReader {
  readonly #readRange: ReadRange;
  readonly #cache: SectionCache;
  readonly #budget: ReadBudget;
  readonly #pace: Pace;

  constructor({ readRange, cache, budget, pace }: SectionReaderParts) {
    this.#readRange = readRange;
    this.#cache = cache;
    this.#budget = budget;
    this.#pace = pace;
  }

  /** What is left of the question's time, in ms. */
  get leftMs(): number {
    return this.#pace.leftMs;
  }

  /** A step of the question's work, see {@link Pace.step}; reading a section is one. */
  step(): Promise<void> | undefined {
    return this.#pace.step();
  }

  series(planned: PlannedDataset): Promise<readonly LabelSet[]> {
    return this.#cached(planned, SectionKind.Series, 0, readSeries);
  }

  symbols(planned: PlannedDataset): Promise<Symbols> {
    return this.#cached(planned, SectionKind.Symbols, 0, (stored, section) => readSymbols(stored, section));
  }

  /** The dataset's stacks as calls of function names: derived from the symbols once, and kept beside them. */
  stackNames(planned: PlannedDataset): Promise<StackNames> {
    const section = required(planned.entry, SectionKind.Symbols, 0);
    return this.#derived(
      `${planned.object.key}@${section.offset}/names`,
      async () => inSteps(buildStackNames(await this.symbols(planned)), this),
      (names) => names.sizeBytes,
    );
  }

  profiles(planned: PlannedDataset, kindIndex: number): Promise<ProfileColumns> {
    return this.#cached(planned, SectionKind.Profiles, kindIndex, readProfiles);
  }

  samples(planned: PlannedDataset, kindIndex: number): Promise<StackValues> {
    return this.#cached(planned, SectionKind.Samples, kindIndex, readStackValues);
  }

  /** Undefined where the dataset has no totals of the kind: its samples are as small. */
  totals(planned: PlannedDataset, kindIndex: number): Promise<StackValues> | undefined {
    if (findSection(planned.entry, SectionKind.Totals, kindIndex) === undefined) return undefined;
    return this.#cached(planned, SectionKind.Totals, kindIndex, readStackValues);
  }

  /** Something small that follows from immutable objects, found out once. `sizeOf` in bytes, beside the key. */
  remember<Value>(key: string, find: () => Promise<Value>, sizeOf: (value: Value) => number = () => 0): Promise<Value> {
    return this.#derived(key, find, (value) => key.length + REMEMBERED_BYTES + sizeOf(value));
  }

  /** What one question finds out for all. A question that ends meanwhile fails alone: the next one goes on with the finding. */
  async #derived<Value>(key: string, find: () => Promise<Value>, sizeOf: (value: Value) => number): Promise<Value> {
    for (;;) {
      let mine = false;
      const findMyself = (): Promise<Value> => {
        mine = true;
        return find();
      };
      try {
        return await this.#cache.get(key, findMyself, sizeOf);
      } catch (error) {
        if (mine || !isCoded(error) || !error.code.startsWith("query_")) throw error;
      }
    }
  }

  async #cached<Value>(
    { object, entry }: PlannedDataset,
    kind: SectionKind,
    kindIndex: number,
    decode: (stored: Uint8Array, section: SectionEntry, dataset: DatasetEntry) => Value,
  ): Promise<Value> {
    const turn = this.#pace.step();
    if (turn !== undefined) await turn;
    const section = required(entry, kind, kindIndex);
    const key = `${object.key}@${section.offset}`;
    // A read is shared by all who want the section: what this question may not do is found out before it.
    if (!this.#cache.has(key)) this.charge(section.sizeBytes);
    return this.#cache.get(
      key,
      async (nobodyWaits) => {
        const stored = await this.#readRange(object.key, section.offset, section.sizeBytes, nobodyWaits);
        try {
          return decode(stored, section, entry);
        } catch (error) {
          // Sections do not know where they lie, and whoever repairs the bucket must.
          throw isCoded(error)
            ? new CodedError(error.code, error.kind, `${object.key}: ${error.rawMessage}`, { cause: error, facts: error.facts })
            : error;
        }
      },
      memoryBytes,
      this.#pace.signal,
    );
  }

  get bytesRead(): number {
    return this.#budget.bytesRead;
  }

  get bytesLeft(): number {
    return Math.max(0, this.#budget.bytesMax - this.#budget.bytesRead);
  }

  /** Counts bytes against the budget. Errors: `query_limit_bytes`. */
  charge(sizeBytes: number): void {
    this.#budget.bytesRead += sizeBytes;
    if (this.#budget.bytesRead <= this.#budget.bytesMax) return;
    throw new CodedError(
      "query_limit_bytes",
      FaultKind.TooLarge,
      `the query reads more than ${this.#budget.bytesMax} bytes: ask for a shorter time range or fewer services, or raise limits.query_read_max`,
      { facts: { limit_bytes: this.#budget.bytesMax } },
    );
  }
}

/** An entry of the cache beside its key. */
const REMEMBERED_BYTES = 100;

function required(entry: DatasetEntry, kind: SectionKind, kindIndex: number): SectionEntry {
  const section = findSection(entry, kind, kindIndex);
  assert(section !== undefined, `dataset ${entry.service} has section ${kind} of kind ${kindIndex}`);
  return section;
}

/** Bytes of all typed arrays in a value, and a guess for strings. */
function memoryBytes(value: unknown): number {
  if (ArrayBuffer.isView(value)) return value.byteLength;
  if (typeof value === "string") return 32 + value.length;
  if (typeof value !== "object" || value === null) return 8;
  let sum = 16;
  for (const part of Object.values(value)) sum += memoryBytes(part);
  return sum;
}

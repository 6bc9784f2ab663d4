import type { Clock } from "../../base/clock.ts";
import { CodedError, FaultKind } from "../../base/errors.ts";
import { lookAhead } from "../../base/look-ahead.ts";
import { inSteps } from "../../base/steps.ts";
import { inSpan } from "../../base/trace.ts";
import type { TenantId, UnixMs } from "../../base/units.ts";
import type { CatalogState } from "../../catalog/catalog.ts";
import { VALUES_AHEAD } from "./ahead.ts";
import { areDistinct } from "./duplicates.ts";
import type {
  Engine,
  Scope,
  Selection,
  SeriesOfKind,
  ServiceOfKind,
  StackSelection,
  StoredRange,
  TypedSelection,
} from "./engine-interface.ts";
import type { FlameTree } from "./flame-tree.ts";
import { selectLabelNames } from "./label-names.ts";
import { mergeStacks } from "./merge-stacks.ts";
import { TreeMerger } from "./merge-tree.ts";
import type { MergedStacks } from "./merged-stacks.ts";
import { Pace } from "./pace.ts";
import { type PlannedDataset, planDatasets } from "./plan.ts";
import type { ProfileRows, SpanRows } from "./profile-rows.ts";
import { type ReadBudget, type ReadRange, SectionReader } from "./read.ts";
import { collectRows, collectSpanRows } from "./rows.ts";
import { scopeOf, storedRange } from "./scope.ts";
import type { SectionCache } from "./section-cache.ts";
import { type SelectedRows, selectRows } from "./select.ts";
import { selectSeries, selectServices } from "./series.ts";
import { StackFilter } from "./stack-filter.ts";
import { sumPerStack } from "./stack-sums.ts";

/** Bounds of one query. 0 is no bound. */
export type EngineLimits = { readonly datasetsMax: number; readonly bytesMax: number; readonly durationMsMax: number };

export type EngineParts = {
  /** The catalog as it stands when the query begins: one query sees one state. */
  readonly state: CatalogState;
  readonly readRange: ReadRange;
  readonly cache: SectionCache;
  readonly clock: Clock;
  readonly limits: EngineLimits;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal?: AbortSignal | undefined;
  /** No row is in two objects: somebody has looked. */
  readonly isDistinct?: boolean;
};

/**
 * Answers the questions of `engine-interface.ts` from one state of the catalog. Made anew for each query; the cache stays.
 *
 * Errors: `query_limit_datasets`, `query_limit_bytes` (too_large), `query_limit_duration`, `query_cancelled` (expired), `block_…`, `object_…`.
 */
export class BlockEngine implements Engine {
  readonly #parts: EngineParts;
  readonly #reader: SectionReader;

  constructor(parts: EngineParts, reader: SectionReader = openReader(parts)) {
    this.#parts = parts;
    this.#reader = reader;
  }

  /** Bytes of the bucket that were not in the cache. */
  get bytesRead(): number {
    return this.#reader.bytesRead;
  }

  /** What is left of the query's time, in ms. */
  get leftMs(): number {
    return this.#reader.leftMs;
  }

  get bytesLeft(): number {
    return this.#reader.bytesLeft;
  }

  /** Counts what others read for this query. Errors: `query_limit_bytes`. */
  charge(bytesRead: number): void {
    this.#reader.charge(bytesRead);
  }

  /** See {@link Pace.step}. */
  step(): Promise<void> | undefined {
    return this.#reader.step();
  }

  /** The same query over other objects: with the same budget, cache and time. */
  over(state: CatalogState, { isDistinct }: { readonly isDistinct: boolean }): BlockEngine {
    return new BlockEngine({ ...this.#parts, state, isDistinct }, this.#reader);
  }

  /** Whether no row is in two of the datasets, which are of one service. Of one profile type, or of all. */
  async areDistinct(datasets: readonly PlannedDataset[], profileTypeId: string | undefined): Promise<boolean> {
    return areDistinct(datasets, profileTypeId, this.#reader);
  }

  /** Errors: `query_limit_datasets`. */
  checkDatasets(count: number): void {
    const { datasetsMax } = this.#parts.limits;
    if (datasetsMax === 0 || count <= datasetsMax) return;
    throw new CodedError(
      "query_limit_datasets",
      FaultKind.TooLarge,
      `the query reads ${count} datasets, at most ${datasetsMax} are allowed: ask for a shorter time range or fewer services`,
      { facts: { datasets: count, limit: datasetsMax } },
    );
  }

  async tree(selection: TypedSelection, stacks: StackSelection): Promise<FlameTree> {
    const selected = await this.#select(selection, stacks);
    return inSpan("merge", { parts: selected.length }, () => this.#mergeTree(selected, stacks));
  }

  async #mergeTree(selected: readonly SelectedRows[], stacks: StackSelection): Promise<FlameTree> {
    const merger = new TreeMerger();
    const filter = new StackFilter(stacks);
    const load = async (rows: SelectedRows) => {
      const names = await this.#reader.stackNames(rows.planned);
      return { names, sums: await sumPerStack(rows, stacks, names.nodeOfStack.length, this.#reader) };
    };
    for await (const { names, sums } of lookAhead(selected, VALUES_AHEAD, load)) {
      await this.#reader.step();
      const allowed = filter.selectedNodes(names);
      const self = new Float64Array(names.parent.length);
      for (let stack = 0; stack < sums.length; stack++) {
        const node = names.nodeOfStack[stack]!;
        // A stack of which nothing has a name leads to the root: there is nothing to draw.
        if (node > 0 && (allowed === undefined || allowed[node] === 1)) self[node]! += sums[stack]!;
      }
      await inSteps(merger.add(names, self), this.#reader);
    }
    return inSteps(merger.finish(), this.#reader);
  }

  async stacks(selection: TypedSelection, stacks: StackSelection): Promise<MergedStacks> {
    const selected = await this.#select(selection, stacks);
    return inSpan("merge", { parts: selected.length }, () => mergeStacks(selected, stacks, this.#reader));
  }

  async rows(selection: TypedSelection, stacks: StackSelection): Promise<ProfileRows> {
    const selected = await this.#select(selection, stacks);
    return inSpan("merge", { parts: selected.length }, () => collectRows(selected, stacks, this.#reader));
  }

  async spanRows(selection: TypedSelection, stacks: StackSelection): Promise<SpanRows> {
    const selected = await this.#select(selection, stacks);
    return inSpan("merge", { parts: selected.length }, () => collectSpanRows(selected, stacks, this.#reader));
  }

  async series(selection: Selection): Promise<readonly SeriesOfKind[]> {
    return selectSeries(this.#plan(selection), selection, this.#reader, this.#isDistinct);
  }

  async labelNames(selection: Selection): Promise<ReadonlySet<string>> {
    return selectLabelNames(this.#plan(selection), selection, this.#reader, this.#isDistinct);
  }

  async services(selection: Selection): Promise<readonly ServiceOfKind[]> {
    return selectServices(this.#plan(selection), selection, this.#reader);
  }

  async scope(selection: Selection): Promise<Scope> {
    return scopeOf(planDatasets(this.#parts.state, selection));
  }

  async stored(tenant: TenantId): Promise<StoredRange | undefined> {
    const everything = { tenants: [tenant], matchers: [], startMs: OLDEST_MS, endMs: NEWEST_MS };
    return storedRange(this.#plan(everything), this.#reader);
  }

  async #select(selection: TypedSelection, stacks: StackSelection): ReturnType<typeof selectRows> {
    const plan = await inSpan("plan", { objects: this.#parts.state.objects.size }, async () => this.#plan(selection));
    const which = { profileIds: stacks.profileIds, isDistinct: this.#isDistinct };
    return inSpan("read", { datasets: plan.length }, () => selectRows(plan, selection, this.#reader, which));
  }

  get #isDistinct(): boolean {
    return this.#parts.isDistinct === true;
  }

  #plan(selection: Selection): readonly PlannedDataset[] {
    const plan = planDatasets(this.#parts.state, selection);
    this.checkDatasets(plan.length);
    return plan;
  }
}

function openReader({ readRange, cache, clock, limits, signal }: EngineParts): SectionReader {
  const budget: ReadBudget = { bytesMax: limits.bytesMax || Number.POSITIVE_INFINITY, bytesRead: 0 };
  return new SectionReader({ readRange, cache, budget, pace: new Pace({ clock, durationMsMax: limits.durationMsMax, signal }) });
}

/** Bounds of what a nanosecond time in 64 bits can say. */
const OLDEST_MS = -9_223_372_036_854 as UnixMs;
const NEWEST_MS = 9_223_372_036_854 as UnixMs;

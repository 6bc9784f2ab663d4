import type { Clock } from "../../base/clock.ts";
import { CodedError, FaultKind } from "../../base/errors.ts";
import { inSpan } from "../../base/trace.ts";
import type { TenantId, UnixMs } from "../../base/units.ts";
import type { CatalogState } from "../../catalog/catalog.ts";
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
import { mergeStacks } from "./merge-stacks.ts";
import { TreeMerger } from "./merge-tree.ts";
import type { MergedStacks } from "./merged-stacks.ts";
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
};

/**
 * Answers the questions of `engine-interface.ts` from one state of the catalog. Made anew for each query; the cache stays.
 *
 * Errors: `query_limit_datasets`, `query_limit_bytes` (too_large), `query_limit_duration` (expired), `block_…`, `object_…`.
 */
export class BlockEngine implements Engine {
  readonly #parts: EngineParts;
  readonly #reader: SectionReader;
  readonly #startedMs: number;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    const budget: ReadBudget = { bytesMax: parts.limits.bytesMax || Number.POSITIVE_INFINITY, bytesRead: 0 };
    this.#reader = new SectionReader(parts.readRange, parts.cache, budget);
    this.#startedMs = parts.clock.monotonicMs();
  }

  async tree(selection: TypedSelection, stacks: StackSelection): Promise<FlameTree> {
    const selected = await this.#select(selection, stacks);
    return inSpan("merge", { parts: selected.length }, () => this.#mergeTree(selected, stacks));
  }

  async #mergeTree(selected: readonly SelectedRows[], stacks: StackSelection): Promise<FlameTree> {
    const merger = new TreeMerger();
    const filter = new StackFilter(stacks);
    for (const rows of selected) {
      this.#checkTime();
      const names = await this.#reader.stackNames(rows.planned);
      const sums = await sumPerStack(rows, stacks, names.nodeOfStack.length, this.#reader);
      const allowed = filter.selectedNodes(names);
      const self = new Float64Array(names.parent.length);
      for (let stack = 0; stack < sums.length; stack++) {
        const node = names.nodeOfStack[stack]!;
        // A stack of which nothing has a name leads to the root: there is nothing to draw.
        if (node > 0 && (allowed === undefined || allowed[node] === 1)) self[node]! += sums[stack]!;
      }
      merger.add(names, self);
    }
    return merger.finish();
  }

  async stacks(selection: TypedSelection, stacks: StackSelection): Promise<MergedStacks> {
    const selected = await this.#select(selection, stacks);
    return inSpan("merge", { parts: selected.length }, () => mergeStacks(selected, stacks, this.#reader, () => this.#checkTime()));
  }

  async rows(selection: TypedSelection, stacks: StackSelection): Promise<ProfileRows> {
    const selected = await this.#select(selection, stacks);
    return inSpan("merge", { parts: selected.length }, () => collectRows(selected, stacks, this.#reader, () => this.#checkTime()));
  }

  async spanRows(selection: TypedSelection, stacks: StackSelection): Promise<SpanRows> {
    const selected = await this.#select(selection, stacks);
    return inSpan("merge", { parts: selected.length }, () => collectSpanRows(selected, stacks, this.#reader, () => this.#checkTime()));
  }

  async series(selection: Selection): Promise<readonly SeriesOfKind[]> {
    return selectSeries(this.#plan(selection), selection, this.#reader);
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
    return inSpan("read", { datasets: plan.length }, () => selectRows(plan, selection, this.#reader, stacks.profileIds));
  }

  #plan(selection: Selection): readonly PlannedDataset[] {
    const plan = planDatasets(this.#parts.state, selection);
    const { datasetsMax } = this.#parts.limits;
    if (datasetsMax > 0 && plan.length > datasetsMax) {
      throw new CodedError(
        "query_limit_datasets",
        FaultKind.TooLarge,
        `the query reads ${plan.length} datasets, at most ${datasetsMax} are allowed: ask for a shorter time range or fewer services, or raise query.datasets_max`,
        { facts: { datasets: plan.length, limit: datasetsMax } },
      );
    }
    return plan;
  }

  #checkTime(): void {
    const { durationMsMax } = this.#parts.limits;
    if (durationMsMax === 0 || this.#parts.clock.monotonicMs() - this.#startedMs <= durationMsMax) return;
    throw new CodedError(
      "query_limit_duration",
      FaultKind.Expired,
      `the query ran longer than ${durationMsMax} ms: ask for a shorter time range or fewer services, or raise query.timeout`,
      { facts: { limit_ms: durationMsMax } },
    );
  }
}

/** Bounds of what a nanosecond time in 64 bits can say. */
const OLDEST_MS = -9_223_372_036_854 as UnixMs;
const NEWEST_MS = 9_223_372_036_854 as UnixMs;

import type { TenantId, UnixMs } from "../../base/units.ts";
import type { LabelSet } from "../../profile/labels.ts";
import type { ProfileKind } from "../../profile/profile-type.ts";
import type { FlameTree } from "./flame-tree.ts";
import type { Matcher } from "./matcher.ts";
import type { MergedStacks } from "./merged-stacks.ts";
import type { ProfileRows, SpanRows } from "./profile-rows.ts";

/*
 * The border between what is asked (question, answer/) and how it is read (plan, read, select): the engine gives merged values of
 * a selection, the answers turn them into bytes. Everything here survives structured clone.
 */

/**
 * Which profiles. `startMs` is inclusive, `endMs` exclusive, both compared with the profile's ns time.
 * Matchers are ANDed and see the complete label set of a series, with `__profile_type__` and the others that follow from the kind.
 */
export type Selection = {
  readonly tenants: readonly TenantId[];
  readonly matchers: readonly Matcher[];
  readonly startMs: UnixMs;
  readonly endMs: UnixMs;
};

/** A selection of one profile type, `<name>:<sample type>:<sample unit>:<period type>:<period unit>`. */
export type TypedSelection = Selection & { readonly profileTypeId: string };

/** Which samples of the selected profiles. Empty lists select everything; lists of different kinds are ANDed. */
export type StackSelection = {
  /** Function names, root first: the stacks that begin so. The prefix stays part of the stacks. */
  readonly callSite: readonly string[];
  readonly frameFilter: FrameFilter | undefined;
  /** UUIDs as 32 lower-case hex digits. */
  readonly profileIds: readonly string[];
  /** 16 lower-case hex digits. */
  readonly spanIds: readonly string[];
  /** 32 lower-case hex digits. */
  readonly traceIds: readonly string[];
};

/**
 * Keeps the samples whose stack has every included name, at least one match of every included regex, and nothing excluded.
 * Regexes are RE2, searched anywhere in the function name ({@link compileSearchRegex} in matcher.ts).
 */
export type FrameFilter = {
  readonly includeNames: readonly string[];
  readonly excludeNames: readonly string[];
  readonly includeRegexes: readonly string[];
  readonly excludeRegexes: readonly string[];
};

export const EVERY_STACK: StackSelection = { callSite: [], frameFilter: undefined, profileIds: [], spanIds: [], traceIds: [] };

/**
 * A stored series and the kinds of profiles it has. `labels` lack the ones that follow from the kind; `sampleTypes` are indexes of those
 * types of the kind whose complete label set matches the selection and whose total is above 0. The same series may come more than once.
 */
export type SeriesOfKind = { readonly labels: LabelSet; readonly kind: ProfileKind; readonly sampleTypes: readonly number[] };

/** One service as the catalog knows it; `sampleTypes` as in {@link SeriesOfKind}. The same service may come more than once. */
export type ServiceOfKind = { readonly service: string; readonly kind: ProfileKind; readonly sampleTypes: readonly number[] };

/** What answering a selection would read. */
export type Scope = {
  readonly segments: ScopeCounts;
  readonly blocks: ScopeCounts;
};
export type ScopeCounts = {
  readonly objectCount: number;
  readonly datasetCount: number;
  readonly seriesCount: number;
  readonly profileCount: number;
  readonly sampleCount: number;
  readonly indexBytes: number;
  readonly profileBytes: number;
  readonly symbolBytes: number;
};

/** Of one tenant; undefined when it has no profile. Both inclusive. */
export type StoredRange = { readonly oldestMs: UnixMs; readonly newestMs: UnixMs };

/**
 * Errors of all methods (CodedError): `query_limit_…` (limited or too_large), `block_…` (corrupt), `object_…` (as the store says), `selector_regex_invalid`.
 */
export interface Engine {
  tree(selection: TypedSelection, stacks: StackSelection): Promise<FlameTree>;
  stacks(selection: TypedSelection, stacks: StackSelection): Promise<MergedStacks>;
  /** Rows whose value is 0 are left out. */
  rows(selection: TypedSelection, stacks: StackSelection): Promise<ProfileRows>;
  /** Only samples that carry a span id, summed per profile, series, span and trace. */
  spanRows(selection: TypedSelection, stacks: StackSelection): Promise<SpanRows>;
  series(selection: Selection): Promise<readonly SeriesOfKind[]>;
  /** The label names of these series, without the ones that follow from the sample type; empty when there is no series. */
  labelNames(selection: Selection): Promise<ReadonlySet<string>>;
  /**
   * From the catalog alone, without reading an object. For matchers that name nothing but `service_name`, `__service_name__` and
   * the labels that follow from the kind ({@link CATALOG_LABELS}); time is that of whole datasets.
   */
  services(selection: Selection): Promise<readonly ServiceOfKind[]>;
  scope(selection: Selection): Promise<Scope>;
  stored(tenant: TenantId): Promise<StoredRange | undefined>;
  /** A step of what is done with an answer, too; undefined: go on at once. Errors: `query_cancelled`, `query_limit_duration` (expired). */
  step(): Promise<void> | undefined;
}

/** Labels whose values the catalog knows. */
export const CATALOG_LABELS: ReadonlySet<string> = new Set([
  "service_name",
  "__service_name__",
  "__name__",
  "__profile_type__",
  "__type__",
  "__unit__",
  "__period_type__",
  "__period_unit__",
]);

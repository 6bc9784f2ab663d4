import type { TenantId, UnixMs } from "../../base/units.ts";
import type { Selection, StackSelection, TypedSelection } from "./engine-interface.ts";

/*
 * Everything a query thread can be asked, checked and resolved: plain data that survives structured clone. The answer to each is
 * the bytes of a whole response, in protobuf unless said otherwise.
 */

/** The samples a merged answer is made of. */
export type StackQuery = { readonly selection: TypedSelection; readonly stacks: StackSelection };

/** For Go's profile-guided optimisation: keep the leaf-most locations only; callees of a line count as one. */
export type GoPgo = { readonly keepLocations: number; readonly aggregateCallees: boolean };

export const ExemplarKind = { None: "none", Individual: "individual", Span: "span" } as const;
export type ExemplarKind = (typeof ExemplarKind)[keyof typeof ExemplarKind];

/** Points at startMs, startMs + stepMs, … up to endMs; a point sums (t - stepMs, t]. */
export type Buckets = { readonly startMs: UnixMs; readonly endMs: UnixMs; readonly stepMs: number };

export type Aggregation = "sum" | "average";

/** Unit of `nodesMax` everywhere: nodes besides the root; 0 is no bound. */
export type Question =
  /** The answer to `of` as JSON; typeName: the full name of its message. */
  | { readonly kind: "json"; readonly of: Question; readonly typeName: string }
  | { readonly kind: "profile_types"; readonly selection: Selection }
  | { readonly kind: "label_names"; readonly selection: Selection; readonly utf8Names: boolean }
  | { readonly kind: "label_values"; readonly selection: Selection; readonly name: string }
  | { readonly kind: "series"; readonly selection: Selection; readonly names: readonly string[]; readonly utf8Names: boolean }
  | ({ readonly kind: "flamegraph"; readonly nodesMax: number } & StackQuery)
  | ({ readonly kind: "tree_bytes"; readonly nodesMax: number } & StackQuery)
  /** sourceNodesMax bounds the profile the graph is drawn from, nodesMax the graph. */
  | ({ readonly kind: "dot"; readonly sourceNodesMax: number; readonly nodesMax: number; readonly form: "response" | "text" } & StackQuery)
  | ({
      readonly kind: "pprof";
      readonly nodesMax: number;
      readonly goPgo: GoPgo | undefined;
      readonly form: "profile" | "response";
    } & StackQuery)
  | ({ readonly kind: "functions"; readonly limit: number } & StackQuery)
  | ({ readonly kind: "function_tree"; readonly request: FunctionTreeRequest } & StackQuery)
  | ({ readonly kind: "time_series" } & StackQuery & SeriesOptions)
  | ({
      readonly kind: "heatmap";
      readonly of: "individual" | "span";
      readonly buckets: Buckets;
      readonly groupBy: readonly string[];
      readonly exemplars: ExemplarKind;
      readonly limit: number;
    } & StackQuery)
  | { readonly kind: "diff"; readonly left: StackQuery; readonly right: StackQuery; readonly nodesMax: number }
  | {
      readonly kind: "functions_diff";
      readonly left: StackQuery;
      readonly right: StackQuery;
      readonly limit: number;
      readonly form: "tables" | "rows";
    }
  | { readonly kind: "profile_stats"; readonly tenant: TenantId }
  | { readonly kind: "analyze_query"; readonly selection: Selection }
  /** The answer is FlamebearerProfile JSON. */
  | ({ readonly kind: "render"; readonly nodesMax: number; readonly timeline: SeriesOptions } & StackQuery)
  /** The answer is FlamebearerProfile JSON. */
  | { readonly kind: "render_diff"; readonly left: StackQuery; readonly right: StackQuery; readonly nodesMax: number };

export type SeriesOptions = {
  readonly buckets: Buckets;
  readonly groupBy: readonly string[];
  readonly aggregation: Aggregation;
  readonly exemplars: ExemplarKind;
  /** The series with the largest sums; 0 for all. */
  readonly limit: number;
};

/**
 * Callers and callees of a reference. `path` is root first: from the root of the stacks (then `stacks.callSite` of the question selects
 * them and only callees make sense), or a chain found anywhere in them. depthMax: levels below the reference.
 */
export type FunctionTreeRequest = {
  readonly path: readonly string[];
  readonly anchored: boolean;
  readonly callers: boolean;
  readonly callees: boolean;
  readonly depthMax: number;
};

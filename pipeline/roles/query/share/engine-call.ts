import type { Engine, Selection, SeriesOfKind, ServiceOfKind, StackSelection, TypedSelection } from "../engine-interface.ts";
import type { FlameTree } from "../flame-tree.ts";
import type { MergedStacks } from "../merged-stacks.ts";
import type { ProfileRows, SpanRows } from "../profile-rows.ts";

/*
 * One call of an engine as a value, so that another process can make it over some of the datasets. `scope` and `stored` are no such
 * calls: the catalog answers them.
 */

/** What each method gives. */
export type Answers = {
  tree: FlameTree;
  stacks: MergedStacks;
  rows: ProfileRows;
  spanRows: SpanRows;
  series: readonly SeriesOfKind[];
  services: readonly ServiceOfKind[];
  labelNames: ReadonlySet<string>;
};

export type SampleMethod = "tree" | "stacks" | "rows" | "spanRows";
export type LabelMethod = "series" | "services" | "labelNames";
export type Method = SampleMethod | LabelMethod;

/** Plain data: it travels as JSON. */
export type EngineCall<M extends Method = Method> = M extends SampleMethod
  ? { readonly method: M; readonly selection: TypedSelection; readonly stacks: StackSelection }
  : { readonly method: M; readonly selection: Selection };

export function callEngine<M extends Method>(engine: Engine, call: EngineCall<M>): Promise<Answers[M]> {
  return callOf(engine, call as EngineCall) as Promise<Answers[M]>;
}

function callOf(engine: Engine, call: EngineCall): Promise<Answers[Method]> {
  switch (call.method) {
    case "tree":
    case "stacks":
    case "rows":
    case "spanRows":
      return engine[call.method](call.selection, call.stacks);
    default:
      return engine[call.method](call.selection);
  }
}

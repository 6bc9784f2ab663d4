import { unreachable } from "../../base/assert.ts";
import { inSteps, type Steps } from "../../base/steps.ts";
import { cutStacks, pgoStacks } from "./answer/cut-stacks.ts";
import { encodeDiff } from "./answer/diff.ts";
import { dotText } from "./answer/dot.ts";
import { renderDiffJson, renderJson } from "./answer/flamebearer.ts";
import { encodeFlamegraph } from "./answer/flamegraph.ts";
import { encodeFunctionTree } from "./answer/function-tree.ts";
import { encodeFunctions, encodeFunctionsDiff } from "./answer/functions.ts";
import { encodeHeatmap } from "./answer/heatmap.ts";
import { responseJson } from "./answer/json.ts";
import { encodeLabelNames, encodeLabelValues, encodeProfileTypes, encodeSeries, seriesOfServices } from "./answer/labels.ts";
import { encodePprof, encodePprofResponse } from "./answer/pprof.ts";
import { ProtoWriter } from "./answer/proto-writer.ts";
import { encodeAnalyzeQuery, encodeProfileStats } from "./answer/stats.ts";
import { encodeTimeSeries } from "./answer/time-series.ts";
import { encodeTreeBytes } from "./answer/tree-bytes.ts";
import { CATALOG_LABELS, type Engine, type Selection, type SeriesOfKind } from "./engine-interface.ts";
import type { FlameTree } from "./flame-tree.ts";
import type { Question, StackQuery } from "./question.ts";

/**
 * Answers a question: the engine gives merged values, `answer/` turns them into the bytes of the whole response.
 *
 * Errors: those of the engine.
 */
export async function answer(question: Question, engine: Engine): Promise<Uint8Array> {
  switch (question.kind) {
    case "json":
      return inSteps(responseJson(question.typeName, await answer(question.of, engine)), engine);
    case "profile_types":
      return encodeProfileTypes(await engine.services(question.selection));
    case "label_names":
      return encodeLabelNames(await engine.labelNames(question.selection), question.utf8Names);
    case "label_values":
      return encodeLabelValues(await seriesFor([question.name], question.selection, engine), question.name);
    case "series":
      return encodeSeries(await seriesFor(question.names, question.selection, engine), question.names, question.utf8Names);
    case "pprof":
      return answerPprof(question, engine);
    case "dot":
      return answerDot(question, engine);
    case "time_series":
      return answerTimeSeries(question, engine);
    case "heatmap": {
      const { selection, stacks, buckets, groupBy, exemplars, limit } = question;
      const rows = question.of === "span" ? await engine.spanRows(selection, stacks) : await engine.rows(selection, stacks);
      return encodeHeatmap(rows, { buckets, groupBy, withExemplars: exemplars !== "none", limit });
    }
    case "profile_stats":
      return encodeProfileStats(await engine.stored(question.tenant));
    case "analyze_query":
      return encodeAnalyzeQuery(await engine.scope(question.selection));
    default:
      return inSteps(await treeAnswer(question, engine), engine);
  }
}

type TreeQuestion = QuestionOf<
  "flamegraph" | "tree_bytes" | "functions" | "function_tree" | "diff" | "functions_diff" | "render" | "render_diff"
>;

/** What is made of merged trees. */
async function treeAnswer(question: TreeQuestion, engine: Engine): Promise<Steps<Uint8Array>> {
  switch (question.kind) {
    case "flamegraph":
      return encodeFlamegraph(await engine.tree(question.selection, question.stacks), question.nodesMax);
    case "tree_bytes":
      return encodeTreeBytes(await engine.tree(question.selection, question.stacks), question.nodesMax);
    case "functions":
      return encodeFunctions(await engine.tree(question.selection, question.stacks), question.limit);
    case "function_tree":
      return encodeFunctionTree(await engine.tree(question.selection, question.stacks), question.request);
    case "diff": {
      const [left, right] = await bothTrees(question, engine);
      return encodeDiff(left, right, question.nodesMax);
    }
    case "functions_diff": {
      const [left, right] = await bothTrees(question, engine);
      return encodeFunctionsDiff(left, right, question.limit, question.form);
    }
    case "render": {
      const { selection, stacks, timeline: options, nodesMax } = question;
      const tree = await engine.tree(selection, stacks);
      const rows = await engine.rows(selection, stacks);
      return renderJson(selection.profileTypeId, { tree, rows }, { nodesMax, options });
    }
    case "render_diff": {
      const [left, right] = await bothTrees(question, engine);
      return renderDiffJson(question.left.selection.profileTypeId, left, right, question.nodesMax);
    }
    default:
      return unreachable(question);
  }
}

type QuestionOf<Kind extends Question["kind"]> = Extract<Question, { kind: Kind }>;

/** From the catalog alone where it knows all that is asked for: the landing page of Profiles Drilldown reads no object. */
async function seriesFor(names: readonly string[], selection: Selection, engine: Engine): Promise<readonly SeriesOfKind[]> {
  const known = (name: string): boolean => CATALOG_LABELS.has(name) || name === NEVER_STORED;
  const fromCatalog = names.length > 0 && names.every(known) && selection.matchers.every((matcher) => CATALOG_LABELS.has(matcher.name));
  return fromCatalog ? seriesOfServices(await engine.services(selection)) : engine.series(selection);
}

/** Asked for by that landing page, and in no series since applications are services. */
const NEVER_STORED = "pyroscope_app";

async function answerPprof({ selection, stacks, nodesMax, goPgo, form }: QuestionOf<"pprof">, engine: Engine): Promise<Uint8Array> {
  const merged = await inSteps(cutStacks(await engine.stacks(selection, stacks), nodesMax), engine);
  const shown = goPgo === undefined ? merged : await inSteps(pgoStacks(merged, goPgo), engine);
  const header = { profileTypeId: selection.profileTypeId, endMs: selection.endMs };
  return inSteps(form === "profile" ? encodePprof(shown, header) : encodePprofResponse(shown, header), engine);
}

async function answerDot({ selection, stacks, sourceNodesMax, nodesMax, form }: QuestionOf<"dot">, engine: Engine): Promise<Uint8Array> {
  const source = await inSteps(cutStacks(await engine.stacks(selection, stacks), sourceNodesMax), engine);
  const text = dotText(source, { profileTypeId: selection.profileTypeId, endMs: selection.endMs, nodesMax });
  if (form === "text") return Buffer.from(text);
  const writer = new ProtoWriter(text.length + 16);
  writer.string(3, text);
  return writer.finish();
}

async function answerTimeSeries(question: QuestionOf<"time_series">, engine: Engine): Promise<Uint8Array> {
  const { selection, stacks } = question;
  const rows = await engine.rows(selection, stacks);
  const spanRows = question.exemplars === "span" ? await engine.spanRows(selection, stacks) : undefined;
  return encodeTimeSeries(rows, question, spanRows);
}

/** One after the other: both would compete for the same thread. */
async function bothTrees(
  { left, right }: { readonly left: StackQuery; readonly right: StackQuery },
  engine: Engine,
): Promise<[FlameTree, FlameTree]> {
  return [await engine.tree(left.selection, left.stacks), await engine.tree(right.selection, right.stacks)];
}

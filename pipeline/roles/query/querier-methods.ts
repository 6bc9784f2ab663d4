import type { DescMethodUnary, Message } from "@bufbuild/protobuf";
import { QuerierService } from "../../api/gen/querier/v1/querier_pb.ts";
import type { Clock } from "../../base/clock.ts";
import type { TenantId } from "../../base/units.ts";
import { type Caller, readTenants } from "../../http/caller.ts";
import type { Asking } from "./asking.ts";
import type { Question } from "./question.ts";
import {
  type Asker,
  checkAnalyzeQuery,
  checkDiff,
  checkLabelNames,
  checkLabelValues,
  checkMergeProfile,
  checkMergeSpanProfile,
  checkMergeStacktraces,
  checkProfileStats,
  checkProfileTypes,
  checkSelectHeatmap,
  checkSelectSeries,
  checkSeries,
} from "./validate.ts";
import { type QueryLimits, tightestLimits } from "./validate-range.ts";

/** What the doors of the querier stand on. */
export type QuerierDeps = {
  /** Resolves with the bytes of the whole response. */
  ask(question: Question, asking: Asking): Promise<Uint8Array>;
  limitsOf(tenant: TenantId): QueryLimits;
  readonly clock: Clock;
};

/** A method of querier.v1.QuerierService: what it is called, and how its request becomes a question. */
export type QuerierMethod = { readonly method: DescMethodUnary; readonly check: (request: Message, asker: Asker) => Question };

const { method: methods } = QuerierService;

export const QUERIER_METHODS: readonly QuerierMethod[] = [
  row(methods.profileTypes, checkProfileTypes),
  row(methods.labelNames, checkLabelNames),
  row(methods.labelValues, checkLabelValues),
  row(methods.series, checkSeries),
  row(methods.selectMergeStacktraces, checkMergeStacktraces),
  row(methods.selectMergeSpanProfile, checkMergeSpanProfile),
  row(methods.selectMergeProfile, checkMergeProfile),
  row(methods.selectSeries, checkSelectSeries),
  row(methods.selectHeatmap, checkSelectHeatmap),
  row(methods.diff, checkDiff),
  row(methods.getProfileStats, checkProfileStats),
  row(methods.analyzeQuery, checkAnalyzeQuery),
];

/** Errors: `read_denied` (denied). */
export function askerOf(caller: Caller, { limitsOf, clock }: Pick<QuerierDeps, "limitsOf" | "clock">): Asker {
  const tenants = readTenants(caller);
  return { tenants, limits: tightestLimits(tenants.map(limitsOf)), nowMs: clock.nowMs(), utf8Names: caller.utf8LabelNames };
}

/** Pairs a method with the check of its own request type: the only place that knows they belong together. */
function row<Request extends Message>(method: DescMethodUnary, check: (request: Request, asker: Asker) => Question): QuerierMethod {
  return { method, check: (request, asker) => check(request as Request, asker) };
}

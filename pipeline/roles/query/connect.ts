import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { ProfileSchema } from "../../api/gen/google/v1/profile_pb.ts";
import {
  AnalyzeQueryResponseSchema,
  DiffResponseSchema,
  ProfileTypesResponseSchema,
  QuerierService,
  SelectHeatmapResponseSchema,
  SelectMergeSpanProfileResponseSchema,
  SelectMergeStacktracesResponseSchema,
  SelectSeriesResponseSchema,
  SeriesResponseSchema,
} from "../../api/gen/querier/v1/querier_pb.ts";
import { GetProfileStatsResponseSchema, LabelNamesResponseSchema, LabelValuesResponseSchema } from "../../api/gen/types/v1/types_pb.ts";
import { decodedMessage, rawMessage } from "../../api/raw-message.ts";
import type { Clock } from "../../base/clock.ts";
import { isCoded } from "../../base/errors.ts";
import type { TenantId } from "../../base/units.ts";
import { type Caller, callerOf, readTenant, readTenants } from "../../http/caller.ts";
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
  checkProfileTypes,
  checkSelectHeatmap,
  checkSelectSeries,
  checkSeries,
} from "./validate.ts";
import { type QueryLimits, tightestLimits } from "./validate-range.ts";

export type QuerierDeps = {
  /** Resolves with the bytes of the whole response. */
  ask(question: Question): Promise<Uint8Array>;
  limitsOf(tenant: TenantId): QueryLimits;
  readonly clock: Clock;
};

/** Registers querier.v1.QuerierService: every call is checked here and answered by {@link QuerierDeps.ask}. */
export function querierRoutes(deps: QuerierDeps): (router: ConnectRouter) => void {
  /** A method: who asks and what, to the question; the bytes of its answer, to the message. */
  const method =
    <Request, Desc extends DescMessage>(schema: Desc, check: (request: Request, asker: Asker) => Question) =>
    async (request: Request, context: HandlerContext): Promise<MessageShape<Desc>> => {
      const question = check(request, askerOf(callerOf(context.values), deps));
      return responseMessage(schema, await deps.ask(question), context);
    };

  return (router) => {
    router.service(QuerierService, {
      profileTypes: method(ProfileTypesResponseSchema, checkProfileTypes),
      labelNames: method(LabelNamesResponseSchema, checkLabelNames),
      labelValues: method(LabelValuesResponseSchema, checkLabelValues),
      series: method(SeriesResponseSchema, checkSeries),
      selectMergeStacktraces: method(SelectMergeStacktracesResponseSchema, checkMergeStacktraces),
      selectMergeSpanProfile: method(SelectMergeSpanProfileResponseSchema, checkMergeSpanProfile),
      selectMergeProfile: method(ProfileSchema, checkMergeProfile),
      selectSeries: method(SelectSeriesResponseSchema, checkSelectSeries),
      selectHeatmap: method(SelectHeatmapResponseSchema, asRecorded(checkSelectHeatmap)),
      diff: method(DiffResponseSchema, checkDiff),
      analyzeQuery: method(AnalyzeQueryResponseSchema, checkAnalyzeQuery),
      getProfileStats: async (_request, context) => {
        const tenant = readTenant(callerOf(context.values));
        return responseMessage(GetProfileStatsResponseSchema, await deps.ask({ kind: "profile_stats", tenant }), context);
      },
    });
  };
}

export function askerOf(caller: Caller, { limitsOf, clock }: Pick<QuerierDeps, "limitsOf" | "clock">): Asker {
  const tenants = readTenants(caller);
  return { tenants, limits: tightestLimits(tenants.map(limitsOf)), nowMs: clock.nowMs(), utf8Names: caller.utf8LabelNames };
}

/** Answers leave as the bytes they are; only JSON has to know what is in them. */
function responseMessage<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array, context: HandlerContext): MessageShape<Desc> {
  const wantsJson = /[/+]json\b/.test(context.requestHeader.get("content-type") ?? "");
  return wantsJson ? decodedMessage(schema, bytes) : rawMessage(schema, bytes);
}

/**
 * Pyroscope answers a heatmap without a query type with code `unknown` (500), and that is recorded as its contract: the only bad
 * input that is not a 4xx here.
 */
function asRecorded<Request>(check: (request: Request, asker: Asker) => Question): (request: Request, asker: Asker) => Question {
  return (request, asker) => {
    try {
      return check(request, asker);
    } catch (error) {
      if (isCoded(error, "heatmap_query_type_missing")) throw new ConnectError(error.message, Code.Unknown, undefined, undefined, error);
      throw error;
    }
  };
}

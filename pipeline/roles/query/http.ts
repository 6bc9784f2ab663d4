import { fromBinary } from "@bufbuild/protobuf";
import type { FastifyReply, FastifyRequest } from "fastify";
import { ProfileTypesResponseSchema } from "../../api/gen/querier/v1/querier_pb.ts";
import { LabelValuesResponseSchema } from "../../api/gen/types/v1/types_pb.ts";
import { CodedError, FaultKind, isCoded } from "../../base/errors.ts";
import { httpAnswer } from "../../http/fault-answers.ts";
import { goneSignal } from "../../http/gone.ts";
import type { PlainApp } from "../../http/plain-app.ts";
import { checkRender, checkRenderDiff, type Parameters } from "./http-requests.ts";
import { askerOf, type QuerierDeps } from "./querier-methods.ts";
import type { Question } from "./question.ts";
import type { Asker } from "./validate.ts";
import { rangeOrRecent } from "./validate-range.ts";

/** Registers the plain reads of the first Pyroscope: `/pyroscope/render`, `/pyroscope/render-diff`, `/pyroscope/label-values`. Source: api.md 4. */
export function querierPlainRoutes(deps: QuerierDeps): (app: PlainApp) => void {
  return ({ fastify, caller }) => {
    const askerFor = (request: FastifyRequest): Asker => askerOf(caller(request), deps);
    const ask = (question: Question, { tenants }: Asker, reply: FastifyReply): Promise<Uint8Array> =>
      deps.ask(question, { tenants, signal: goneSignal(reply.raw) });

    fastify.get("/pyroscope/render", (request, reply) =>
      orTooLarge(reply, async () => {
        const asker = askerFor(request);
        const question = checkRender(parametersOf(request), asker);
        const bytes = await ask(question, asker, reply);
        return send(reply, question.kind === "dot" ? "text/plain; charset=utf-8" : "application/json", bytes);
      }),
    );

    fastify.get("/pyroscope/render-diff", (request, reply) =>
      orTooLarge(reply, async () => {
        const asker = askerFor(request);
        return send(reply, "application/json", await ask(checkRenderDiff(parametersOf(request), asker), asker, reply));
      }),
    );

    fastify.get("/pyroscope/label-values", (request, reply) =>
      orTooLarge(reply, async () => {
        const asker = askerFor(request);
        const values = await labelValues(parametersOf(request), asker, (question) => ask(question, asker, reply));
        return send(reply, "application/json", Buffer.from(JSON.stringify(values)));
      }),
    );
  };
}

/** What a question would read or answer is too large: 422, since 413 is about what was sent. */
async function orTooLarge(reply: FastifyReply, answer: () => Promise<FastifyReply>): Promise<FastifyReply> {
  try {
    return await answer();
  } catch (error) {
    if (!isCoded(error) || error.kind !== FaultKind.TooLarge) throw error;
    const { status, headers, body } = httpAnswer(error, 422);
    return reply.code(status).headers(headers).type("application/json").send(JSON.stringify(body));
  }
}

/** Values of the label over all that may be looked back at; of `__name__`, the profile types. */
async function labelValues(
  parameters: Parameters,
  asker: Asker,
  ask: (question: Question) => Promise<Uint8Array>,
): Promise<readonly string[]> {
  const label = parameters("label") ?? "";
  if (label === "")
    throw new CodedError("parameter_missing", FaultKind.Invalid, "'label' is required: the label whose values are asked for");
  // Pyroscope refuses this call whenever a range comes with it, and clients know: without one it is answered.
  for (const name of ["from", "until", "start", "end"]) {
    if (parameters(name) !== undefined) {
      throw new CodedError(
        "range_unsupported",
        FaultKind.Invalid,
        `label-values takes no '${name}': leave the range out, or call querier.v1.QuerierService/LabelValues`,
      );
    }
  }
  const selection = { tenants: asker.tenants, matchers: [], ...rangeOrRecent(0n, 0n, asker.limits, asker.nowMs) };
  if (label === "__name__") {
    const types = fromBinary(ProfileTypesResponseSchema, await ask({ kind: "profile_types", selection }));
    return types.profileTypes.map((type) => type.ID);
  }
  return fromBinary(LabelValuesResponseSchema, await ask({ kind: "label_values", selection, name: label })).names;
}

function parametersOf(request: FastifyRequest): Parameters {
  const query = request.query as Readonly<Record<string, string | readonly string[] | undefined>>;
  return (name) => {
    const value = query[name];
    return typeof value === "string" || value === undefined ? value : value[0];
  };
}

function send(reply: FastifyReply, type: string, bytes: Uint8Array): FastifyReply {
  return reply.type(type).send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

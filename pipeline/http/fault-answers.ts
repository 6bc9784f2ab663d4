import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { ANSWER } from "../base/answers.ts";
import { type CodedError, type FaultKind, isCoded } from "../base/errors.ts";
import type { Log } from "../base/log.ts";

/** A fault as a plain HTTP answer: the same JSON that Connect gives. */
export type FaultAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: { readonly code: string; readonly message: string };
};

const CONNECT_CODE: Readonly<Record<string, Code>> = {
  invalid_argument: Code.InvalidArgument,
  unauthenticated: Code.Unauthenticated,
  permission_denied: Code.PermissionDenied,
  not_found: Code.NotFound,
  resource_exhausted: Code.ResourceExhausted,
  unavailable: Code.Unavailable,
  deadline_exceeded: Code.DeadlineExceeded,
  already_exists: Code.AlreadyExists,
  data_loss: Code.DataLoss,
  unimplemented: Code.Unimplemented,
} satisfies Record<(typeof ANSWER)[FaultKind]["connect"], Code>;

/** For plain HTTP. `status` overrides the status of the table where an endpoint promises another one. */
export function httpAnswer(fault: CodedError, status: number = ANSWER[fault.kind].http): FaultAnswer {
  return { status, headers: faultHeaders(fault), body: { code: ANSWER[fault.kind].connect, message: fault.message } };
}

/** For Connect and gRPC. A ConnectError passes as it is. */
export function connectError(fault: CodedError): ConnectError {
  return new ConnectError(fault.message, CONNECT_CODE[ANSWER[fault.kind].connect], faultHeaders(fault), undefined, fault);
}

/** Anything that is not an expected fault is a defect of ours: logged with its stack, answered without details. */
export const DEFECT_ANSWER: FaultAnswer = {
  status: 500,
  headers: {},
  body: { code: "internal", message: "internal error: the server's log has the details" },
};

/** Turns faults of handlers into Connect errors, and logs defects. The outermost interceptor. */
export function faultInterceptor(log: Log): Interceptor {
  return (next) => async (request) => {
    try {
      return await next(request);
    } catch (error) {
      if (error instanceof ConnectError) throw error;
      if (isCoded(error)) throw connectError(error);
      if (request.signal.aborted) throw new ConnectError("the caller went away", Code.Canceled, undefined, undefined, error);
      log.error({ err: error, procedure: request.url }, "request failed by a defect");
      throw new ConnectError(DEFECT_ANSWER.body.message, Code.Internal, undefined, undefined, error);
    }
  };
}

function faultHeaders(fault: CodedError): Record<string, string> {
  switch (ANSWER[fault.kind].http) {
    case 429:
    case 503:
      return { "retry-after": String(retryAfterSeconds(fault)) };
    case 401:
      return { "www-authenticate": 'Bearer realm="brazier"' };
    default:
      return {};
  }
}

function retryAfterSeconds(fault: CodedError): number {
  const seconds = fault.facts["retryAfterSeconds"];
  // A second: what a full queue or a busy neighbour usually needs.
  return typeof seconds === "number" && Number.isFinite(seconds) ? Math.max(1, Math.ceil(seconds)) : 1;
}

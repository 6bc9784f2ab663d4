import type { Random } from "../base/random.ts";
import { forRequest, NO_TRACER, TRACEPARENT_HEADER, type Tracer } from "../base/trace.ts";
import type { Request, Response } from "./one-port.ts";

export type RequestsDeps = { readonly random: Random; readonly tracer?: Tracer };

export interface Requests {
  /** Answers a request under its id, and as a span where it has a route that is traced. */
  run(request: Request, response: Response, route: string | undefined, answer: () => void): void;
}

const ID_HEADER = "x-request-id";
/** What a gateway in front may have given: taken over where it is safe to log and to send back. */
const FOREIGN_ID = /^[\w.:/+=-]{1,128}$/;

/** Every request has an id, in its answer and in the log lines it causes. */
export function createRequests({ random, tracer = NO_TRACER }: RequestsDeps): Requests {
  // A number behind a name of this process: an id per request without chance per request.
  const prefix = Buffer.from(random.fill(new Uint8Array(6))).toString("base64url");
  let count = 0;
  return {
    run: (request, response, route, answer) => {
      const given = request.headers[ID_HEADER];
      const id = typeof given === "string" && FOREIGN_ID.test(given) ? given : `${prefix}-${(++count).toString(36)}`;
      response.setHeader(ID_HEADER, id);
      forRequest(id, () => {
        if (route === undefined || tracer === NO_TRACER) return answer();
        const parent = request.headers[TRACEPARENT_HEADER];
        const facts = { "http.request.method": request.method ?? "", "http.route": route };
        const from = [typeof parent === "string" ? parent : undefined];
        void tracer.begin(`${request.method} ${route}`, { kind: "server", facts, from }, async (span) => {
          const closed = new Promise<void>((resolve) => response.once("close", resolve));
          answer();
          await closed;
          span.set("http.response.status_code", response.statusCode);
        });
      });
    },
  };
}

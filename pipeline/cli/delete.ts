import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { json } from "node:stream/consumers";
import { CodedError, FaultKind } from "../base/errors.ts";
import { type ClientOptions, unreachable } from "./client.ts";
import { clientTls } from "./client-tls.ts";

export type DeleteOptions = ClientOptions & { readonly from?: string; readonly until?: string; readonly all?: boolean };

/** `brazier delete`. Errors: `server_said`, those of {@link unreachable} and {@link clientTls}. */
export async function deleteStored(service: string | undefined, options: DeleteOptions): Promise<void> {
  const asked = new URLSearchParams();
  if (service !== undefined) asked.set("service", service);
  if (options.from !== undefined) asked.set("from", options.from);
  if (options.until !== undefined) asked.set("until", options.until);
  if (options.all === true) asked.set("all", "true");
  const answer = await send(`${options.url}/api/v1/delete?${asked}`, options);
  const { message, from_ms: fromMs, until_ms: untilMs } = answer.body;
  if (answer.status !== 200) throw new CodedError("server_said", FaultKind.Invalid, `the server at ${options.url} refused: ${message}`);
  const time = (ms: unknown, otherwise: string): string => (typeof ms === "number" ? new Date(ms).toISOString() : otherwise);
  console.log(`deleted ${service ?? "every service"} from ${time(fromMs, "the beginning")} until ${time(untilMs, "now")}`);
}

type Answer = { readonly status: number | undefined; readonly body: Readonly<Record<string, unknown>> };

function send(url: string, options: DeleteOptions): Promise<Answer> {
  const headers = {
    ...(options.tenant === undefined ? {} : { "x-scope-orgid": options.tenant }),
    ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
  };
  const start = url.startsWith("https:") ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = start(url, { method: "POST", headers, ...clientTls(options) }, (response) => {
      json(response).then((body) => resolve({ status: response.statusCode, body: body as Answer["body"] }), reject);
    });
    request.once("error", (cause) => reject(unreachable(options.url, cause)));
    request.end();
  });
}

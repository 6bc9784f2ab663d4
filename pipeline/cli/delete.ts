import { CodedError, FaultKind } from "../base/errors.ts";
import type { ClientOptions } from "./client.ts";

export type DeleteOptions = ClientOptions & { readonly from?: string; readonly until?: string; readonly all?: boolean };

/** `brazier delete`. Errors: `server_unreachable`, `server_said`. */
export async function deleteStored(service: string | undefined, options: DeleteOptions): Promise<void> {
  const asked = new URLSearchParams();
  if (service !== undefined) asked.set("service", service);
  if (options.from !== undefined) asked.set("from", options.from);
  if (options.until !== undefined) asked.set("until", options.until);
  if (options.all === true) asked.set("all", "true");
  const headers = new Headers();
  if (options.tenant !== undefined) headers.set("x-scope-orgid", options.tenant);
  if (options.token !== undefined) headers.set("authorization", `Bearer ${options.token}`);
  const answer = await send(`${options.url}/api/v1/delete?${asked}`, headers);
  const { message, from_ms: fromMs, until_ms: untilMs } = (await answer.json()) as Record<string, string | number | null>;
  if (!answer.ok) throw new CodedError("server_said", FaultKind.Invalid, `the server at ${options.url} refused: ${message}`);
  const time = (ms: unknown, otherwise: string): string => (typeof ms === "number" ? new Date(ms).toISOString() : otherwise);
  console.log(`deleted ${service ?? "every service"} from ${time(fromMs, "the beginning")} until ${time(untilMs, "now")}`);
}

async function send(url: string, headers: Headers): Promise<Response> {
  try {
    return await fetch(url, { method: "POST", headers });
  } catch (cause) {
    throw new CodedError(
      "server_unreachable",
      FaultKind.Unavailable,
      `no server answers at ${url}: start one with \`npm start\`, or say where with --url`,
      { cause },
    );
  }
}

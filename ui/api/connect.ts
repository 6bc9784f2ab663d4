/** Who asks: sent with every request. Empty strings are not sent. */
export interface Caller {
  readonly tenant: string;
  readonly token: string;
}

/** A question the server refused or could not answer. `code` is Connect's ("unauthenticated", "invalid_argument", …). */
export class AnswerError extends Error {
  override readonly name = "AnswerError";
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Asks one RPC in Connect's JSON.
 * Errors: `AnswerError` with the server's code; `unavailable` when nobody answered; an abort is thrown as it is.
 */
export async function ask<T>(method: string, question: object, caller: Caller, signal: AbortSignal): Promise<T> {
  const response = await send(method, JSON.stringify(question), "application/json", caller, signal);
  return (await response.json()) as T;
}

/** Asks one RPC in protobuf and gives the answer's bytes: how a pprof file is fetched. */
export async function askBytes(method: string, question: Uint8Array<ArrayBuffer>, caller: Caller, signal: AbortSignal): Promise<Blob> {
  const response = await send(method, question, "application/proto", caller, signal);
  return response.blob();
}

async function send(
  method: string,
  body: string | Uint8Array<ArrayBuffer>,
  contentType: string,
  caller: Caller,
  signal: AbortSignal,
): Promise<Response> {
  // The parameter lets label names outside the classic alphabet through.
  const headers: Record<string, string> = { "Content-Type": contentType, Accept: "*/*; allow-utf8-labelnames=true" };
  if (caller.tenant !== "") headers["X-Scope-OrgID"] = caller.tenant;
  if (caller.token !== "") headers["Authorization"] = `Bearer ${caller.token}`;
  let response: Response;
  try {
    response = await fetch(`./${method}`, { method: "POST", headers, body, signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new AnswerError("unavailable", "the server does not answer; is it running?");
  }
  if (response.ok) return response;
  const text = await response.text();
  throw refusal(response.status, text);
}

function refusal(status: number, text: string): AnswerError {
  try {
    const { code, message } = JSON.parse(text) as { code?: string; message?: string };
    if (code !== undefined) return new AnswerError(code, message ?? code);
  } catch {
    // A gateway in between answers in HTML or plain text.
  }
  return new AnswerError(status === 401 ? "unauthenticated" : "unknown", `HTTP ${status}${text === "" ? "" : `: ${text.slice(0, 200)}`}`);
}

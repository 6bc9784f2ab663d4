import { ask, type PushedProfile, push } from "../../test/harness/client.ts";

const GIVEN_UP_MS = 30_000;

/** From the first byte of a push to the first answer that has it, in ms; NaN when it was not found within half a minute. */
export async function pushToFound(url: string, { profile, labels }: PushedProfile): Promise<number> {
  const service = `needle-${Date.now()}`;
  const startMs = performance.now();
  const reply = await push(url, [{ labels: { ...labels, service_name: service }, profile }]);
  if (reply.status !== 200) throw new Error(`the push was answered ${reply.status}: ${reply.body.toString("utf8")}`);
  for (;;) {
    const range = { start: String(Date.now() - 7_200_000), end: String(Date.now() + 60_000) };
    const question = { ...range, name: "service_name", matchers: [`{service_name="${service}"}`] };
    const { names } = await ask<{ names?: readonly string[] }>(url, "LabelValues", question);
    const afterMs = performance.now() - startMs;
    if (names?.includes(service) === true) return afterMs;
    if (afterMs > GIVEN_UP_MS) return Number.NaN;
  }
}

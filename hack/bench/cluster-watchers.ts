import { setTimeout as pause } from "node:timers/promises";
import { ask, type PushedProfile, post, push } from "../../test/harness/client.ts";
import type { Query } from "./queries.ts";

/* What somebody sees who looks while others push: one thing after the other, each of them timed. */

export interface Watcher {
  /** Ends after the look that runs; the times in ms, sorted. */
  stop(): Promise<Float64Array>;
}

const LOOK_EVERY_MS = 20;
const FOUND_WITHIN_MS = 60_000;

/** From the answer to a push until a question has its profile; a new one as soon as the last is found. */
export function watchFreshness(options: { readonly push: string; readonly query: string; readonly profile: PushedProfile }): Watcher {
  const { labels, profile } = options.profile;
  let number = 0;
  return watch(async () => {
    const service = `needle-${number++}`;
    const reply = await push(options.push, [{ labels: { ...labels, service_name: service }, profile }]);
    if (reply.status !== 200) throw new Error(`the push was answered ${reply.status}: ${reply.body.toString("utf8")}`);
    const acknowledgedMs = performance.now();
    for (;;) {
      const range = { start: String(Date.now() - 7_200_000), end: String(Date.now() + 60_000) };
      const question = { ...range, name: "service_name", matchers: [`{service_name="${service}"}`] };
      const { names } = await ask<{ names?: readonly string[] }>(options.query, "LabelValues", question);
      const afterMs = performance.now() - acknowledgedMs;
      if (names?.includes(service) === true) return afterMs;
      if (afterMs > FOUND_WITHIN_MS) throw new Error(`a profile was acknowledged and not found within ${FOUND_WITHIN_MS} ms`);
      await pause(LOOK_EVERY_MS);
    }
  });
}

/** How long one question takes, asked again after a pause. */
export function watchQuestion(url: string, { name, method, body }: Query): Watcher {
  return watch(async () => {
    const startMs = performance.now();
    const reply = await post(url, `/querier.v1.QuerierService/${method}`, "application/proto", body);
    if (reply.status !== 200) throw new Error(`${name} answered ${reply.status}: ${reply.body.toString("utf8").slice(0, 300)}`);
    const tookMs = performance.now() - startMs;
    await pause(LOOK_EVERY_MS * 5);
    return tookMs;
  });
}

function watch(look: () => Promise<number>): Watcher {
  let isStopping = false;
  const looking = (async () => {
    const times: number[] = [];
    while (!isStopping) times.push(await look());
    return Float64Array.from(times).sort();
  })();
  // A fault is told when the watcher is stopped, not before.
  looking.catch(() => {});
  return {
    stop: () => {
      isStopping = true;
      return looking;
    },
  };
}

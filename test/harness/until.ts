/**
 * Asks again until the answer is there: undefined, false and errors mean "not yet". The last error is in the message when time is up.
 */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  { withinMs = 60_000, everyMs = 25 }: { readonly withinMs?: number; readonly everyMs?: number } = {},
): Promise<T> {
  const deadline = performance.now() + withinMs;
  let last: unknown = "no answer";
  do {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
      last = "not yet";
    } catch (error) {
      last = error;
    }
    await new Promise((done) => setTimeout(done, everyMs));
  } while (performance.now() < deadline);
  throw new Error(`waited ${withinMs} ms in vain for ${what}: ${String(last)}`);
}

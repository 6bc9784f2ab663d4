/**
 * Long work in steps: it yields after a few ms of it, and who drives it lets others have their turn there, or ends it. The work itself stays pure.
 */
export type Steps<Value> = Generator<undefined, Value, undefined>;

/** Elements (nodes, stacks, numbers) between two yields: each costs 0.1 to 1 µs. A power of two, so that `%` is one instruction. */
export const STEP_ELEMENTS = 4096;

/** Between two steps of a work: gives what to wait for, if anything, or ends the work by throwing. */
export type StepPace = { step(): Promise<void> | undefined };

/** Where nobody else waits. */
export const NO_PAUSE: StepPace = { step: () => undefined };

/** Drives work at a pace. */
export async function inSteps<Value>(steps: Steps<Value>, pace: StepPace): Promise<Value> {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    const turn = pace.step();
    if (turn !== undefined) await turn;
  }
}

/** All steps at once, where nobody else waits. */
export function atOnce<Value>(steps: Steps<Value>): Value {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

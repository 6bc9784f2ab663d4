/**
 * Ends the process' current operation when something we believe turns out false. A failed assertion is a defect of
 * ours, never a fault of the input: inputs are answered with a {@link CodedError}.
 */
export function assert(condition: unknown, belief = "a belief of the code"): asserts condition {
  if (!condition) throw new AssertionError(belief);
}

export class AssertionError extends Error {
  override readonly name = "AssertionError";
  constructor(belief: string) {
    super(`assertion failed: ${belief}`);
  }
}

/** For the `default` of an exhaustive switch: the compiler refuses it while a case is missing. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable value ${JSON.stringify(value)}`);
}

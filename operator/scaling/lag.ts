/** How far the segment workers of a stack are behind, all of them together. */
export type Lag = {
  /** Messages that are in no published segment yet. */
  readonly messages: number;
  /** Age of the oldest of them; 0 where there is none. */
  readonly oldestMs: number;
};

/** A look at the lag; the first of a row of looks is the oldest. */
export type LagSample = Lag & {
  /** On a clock that never steps back. */
  readonly atMs: number;
  /** The workers that the Deployment asked for then. */
  readonly replicas: number;
};

const MESSAGES = /^brazier_queue_waiting_messages(?:\{[^}]*\})? (\S+)$/m;
const OLDEST = /^brazier_queue_oldest_seconds(?:\{[^}]*\})? (\S+)$/m;

/** The lag in the metrics of a segment worker; undefined where they do not tell it. */
export function lagOf(metrics: string): Lag | undefined {
  const [messages, oldestSeconds] = [MESSAGES, OLDEST].map((line) => Number(line.exec(metrics)?.[1] ?? Number.NaN));
  if (!Number.isFinite(messages) || !Number.isFinite(oldestSeconds)) return undefined;
  return { messages: messages as number, oldestMs: (oldestSeconds as number) * 1000 };
}

import { pino } from "pino";
import type { Facts } from "./errors.ts";
import { scopeFacts } from "./trace.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Messages are constant and lower-case; what varies goes into the facts, with units in their keys (`duration_ms`, `tenant`). */
export interface Log {
  debug(facts: Facts, message: string): void;
  info(facts: Facts, message: string): void;
  warn(facts: Facts, message: string): void;
  error(facts: Facts, message: string): void;
  /** A log whose lines all carry these facts. */
  child(facts: Facts): Log;
}

export type LogOptions = {
  readonly level: LogLevel;
  /** text for people at a terminal, json for machines: one object a line. */
  readonly format: "text" | "json";
};

/** Lines go to standard error, so that what a command prints on standard output stays clean. */
export function createLog(options: LogOptions): Log {
  const destination = { write: (line: string) => void process.stderr.write(options.format === "json" ? line : textLine(line)) };
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // Which request, and which trace, a line belongs to.
      mixin: scopeFacts,
      // A fault's own facts are the useful half of its line.
      serializers: { err: errorFacts },
    },
    destination,
  );
}

/** For tests and tools that say nothing. */
export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLog,
};

function errorFacts(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code, facts } = error as { code?: unknown; facts?: unknown };
  const cause = error.cause === undefined ? undefined : errorFacts(error.cause);
  // An expected fault explains itself; anything else is a defect and needs its stack.
  const stack = error.name === "CodedError" ? undefined : error.stack;
  return { message: error.message, code, facts, cause, stack };
}

function textLine(line: string): string {
  const { level, time, msg, ...facts } = JSON.parse(line) as { level: string; time: string; msg: string };
  const shown = Object.entries(facts).map(([key, value]) => ` ${key}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  return `${time.slice(11, 23)} ${level.padEnd(5)} ${msg}${shown.join("")}\n`;
}

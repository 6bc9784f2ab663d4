import { readFileSync } from "node:fs";

/*
 * Loaded before everything else of a process (`node --import`), threads included: its wall clock is off by as many ms as a file says, and steps when
 * the file changes, as after an operator or a time service has set it. Time that only goes on, and timers, are not touched: those do not step.
 */

const file = process.env["STEPPED_CLOCK_FILE"];
if (file === undefined) throw new Error("a stepped clock needs STEPPED_CLOCK_FILE");

const LOOK_EVERY_MS = 20;
const RealDate = Date;
let offsetMs = 0;
let lookedMs = Number.NEGATIVE_INFINITY;

function nowMs(): number {
  if (performance.now() - lookedMs > LOOK_EVERY_MS) {
    lookedMs = performance.now();
    offsetMs = Number(readFileSync(file as string, "utf8"));
  }
  return RealDate.now() + offsetMs;
}

class SteppedDate extends RealDate {
  constructor(...parts: []) {
    if (parts.length === 0) super(nowMs());
    else super(...parts);
  }
  static override now(): number {
    return nowMs();
  }
}

globalThis.Date = SteppedDate as DateConstructor;

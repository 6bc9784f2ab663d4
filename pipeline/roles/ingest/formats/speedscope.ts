import { z } from "zod";
import { CodedError, FaultKind } from "../../../base/errors.ts";
import { malformed } from "../../../profile/wire-cursor.ts";
import type { TextStack } from "./stack-text.ts";

/** suffix: what the application's name would end in for such values, see `textType`. sampleRate: of the counts, undefined for samples of unknown rate. */
export type SpeedscopeProfile = { readonly suffix: string; readonly sampleRate: number | undefined; readonly stacks: Iterable<TextStack> };

const EVENTED = z.object({
  type: z.literal("evented"),
  unit: z.string(),
  startValue: z.number(),
  endValue: z.number(),
  events: z.array(z.object({ type: z.enum(["O", "C"]), frame: z.int().nonnegative(), at: z.number() })),
});
const SAMPLED = z.object({
  type: z.literal("sampled"),
  unit: z.string(),
  samples: z.array(z.array(z.int().nonnegative())),
  weights: z.array(z.number()),
});
const FILE = z.object({
  shared: z.object({ frames: z.array(z.object({ name: z.string() })) }),
  profiles: z.array(z.discriminatedUnion("type", [EVENTED, SAMPLED])),
});

/** As nanoseconds, time is samples of a rate whose period is 1. */
const NANOSECOND_RATE = 1_000_000_000;

/** Unit → suffix of the application, and how many nanoseconds, bytes or samples one of it is. */
const UNITS: Readonly<Record<string, readonly [suffix: string, factor: number]>> = {
  none: ["cpu", 1],
  seconds: ["wall", 1_000_000_000],
  milliseconds: ["wall", 1_000_000],
  microseconds: ["wall", 1000],
  nanoseconds: ["wall", 1],
  bytes: ["bytes", 1],
};

/**
 * Profiles of a speedscope file. Time becomes whole nanoseconds.
 *
 * Errors: `malformed_profile`, `unknown_profile_type` (invalid) for a unit that is none of speedscope's.
 * Source: https://www.speedscope.app/file-format-schema.json.
 */
export function speedscopeProfiles(body: Uint8Array): SpeedscopeProfile[] {
  const parsed = FILE.safeParse(parseJson(body));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw malformed(`is no speedscope file: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`);
  }
  const names = parsed.data.shared.frames.map(({ name }) => name);
  return parsed.data.profiles.map((profile) => {
    const unit = Object.hasOwn(UNITS, profile.unit) ? UNITS[profile.unit] : undefined;
    if (unit === undefined) {
      throw new CodedError(
        "unknown_profile_type",
        FaultKind.Invalid,
        `speedscope profile has unit ${JSON.stringify(profile.unit)}: only ${Object.keys(UNITS).join(", ")} are known`,
      );
    }
    const [suffix, factor] = unit;
    const sampleRate = suffix === "wall" ? NANOSECOND_RATE : undefined;
    return {
      suffix,
      sampleRate,
      stacks: profile.type === "sampled" ? sampledStacks(profile, names, factor) : eventedStacks(profile, names, factor),
    };
  });
}

function* sampledStacks({ samples, weights }: z.infer<typeof SAMPLED>, names: readonly string[], factor: number): Iterable<TextStack> {
  if (samples.length !== weights.length) throw malformed(`has ${samples.length} samples but ${weights.length} weights`);
  for (const [index, sample] of samples.entries()) yield textStack(sample, names, (weights[index] as number) * factor);
}

function* eventedStacks({ events, startValue }: z.infer<typeof EVENTED>, names: readonly string[], factor: number): Iterable<TextStack> {
  const open: number[] = [];
  let sinceValue = startValue;
  for (const { type, frame, at } of events) {
    if (at < sinceValue) throw malformed("has events that are not in the order of time");
    if (open.length > 0 && at > sinceValue) yield textStack(open, names, (at - sinceValue) * factor);
    sinceValue = at;
    if (type === "O") open.push(frame);
    else if (open.pop() !== frame) throw malformed("closes a frame that is not the innermost open one");
  }
}

function textStack(frames: readonly number[], names: readonly string[], weight: number): TextStack {
  const stack = frames.map((frame) => {
    const name = names[frame];
    if (name === undefined) throw malformed(`refers to frame ${frame}, and has ${names.length}`);
    // `;` separates frames in the text form.
    return name.replaceAll(";", ":");
  });
  return { stack: stack.join(";"), count: Math.round(weight) };
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8"));
  } catch (error) {
    throw malformed(`is no JSON: ${(error as Error).message}`);
  }
}

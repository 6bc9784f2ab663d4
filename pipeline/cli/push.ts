import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { gunzipSync } from "node:zlib";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Profile, ProfileSchema } from "../api/gen/google/v1/profile_pb.ts";
import { CodedError, FaultKind } from "../base/errors.ts";
import { type ClientOptions, createClients } from "./client.ts";

export type PushOptions = ClientOptions & {
  readonly service?: string;
  readonly label?: readonly string[];
  readonly name?: string;
  readonly keepTime?: boolean;
};

/** Sends pprof files, each as one profile. Errors: `file_unreadable`, `file_not_pprof`, `flag_invalid`, those of the server. */
export async function push(files: readonly string[], options: PushOptions): Promise<void> {
  const { pusher } = createClients(options);
  const more = (options.label ?? []).map(parseLabel);
  for (const file of files) {
    const profile = parseProfile(await read(file), file);
    if (options.keepTime !== true) profile.timeNanos = BigInt(Date.now()) * 1_000_000n;
    const service = options.service ?? serviceOf(file);
    const name = options.name ?? profileName(profile, file);
    const labels = [{ name: "service_name", value: service }, { name: "__name__", value: name }, ...more];
    await pusher.push({ series: [{ labels, samples: [{ rawProfile: toBinary(ProfileSchema, profile), ID: "" }] }] });
    process.stdout.write(`${file}: ${profile.sample.length} samples of ${name} stored as service ${service}\n`);
  }
  process.stdout.write(`see them at ${options.url}, or with: npx brazier top ${options.service ?? serviceOf(files[0] as string)}\n`);
}

async function read(file: string): Promise<Buffer> {
  try {
    return file === "-" ? readFileSync(0) : await readFile(file);
  } catch (cause) {
    throw new CodedError("file_unreadable", FaultKind.Invalid, `cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}

function parseProfile(bytes: Buffer, file: string): Profile {
  try {
    const plain = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
    const profile = fromBinary(ProfileSchema, plain);
    if (profile.sampleType.length > 0) return profile;
  } catch (cause) {
    throw new CodedError("file_not_pprof", FaultKind.Invalid, `${file} is not a profile in pprof format`, { cause });
  }
  throw new CodedError("file_not_pprof", FaultKind.Invalid, `${file} is not a profile in pprof format: it has no sample types`);
}

function parseLabel(pair: string): { name: string; value: string } {
  const equals = pair.indexOf("=");
  if (equals <= 0) throw new CodedError("flag_invalid", FaultKind.Invalid, `--label takes NAME=VALUE, not '${pair}'`);
  return { name: pair.slice(0, equals), value: pair.slice(equals + 1) };
}

/** `profiles/checkout.cpu.pb.gz` is service checkout. */
function serviceOf(file: string): string {
  const stem = basename(file).replace(/\.(gz|pb|pprof|prof|cpu|heap|mem|memory|mutex|block|goroutines?|wall)\b/g, "");
  return stem === "" || stem === "-" ? "pushed" : stem;
}

/** The names under which SDKs send such profiles, so that what is pushed by hand stands beside them. */
function profileName(profile: Profile, file: string): string {
  const types = profile.sampleType.map((type) => profile.stringTable[Number(type.type)] ?? "");
  if (types.includes("cpu")) return "process_cpu";
  if (types.includes("wall")) return "wall";
  if (types.some((type) => /^(alloc_|inuse_)|space|objects/.test(type))) return "memory";
  // Go's mutex and block profiles differ in nothing but where they came from.
  if (types.includes("contentions")) return /block/.test(basename(file)) ? "block" : "mutex";
  if (types.some((type) => /^goroutines?$/.test(type))) return "goroutine";
  return types[0] as string;
}

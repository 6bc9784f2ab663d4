import { createHash } from "node:crypto";
import { CodedError, type FaultRecord, faultRecord } from "../../base/errors.ts";
import { labelSetKey, sortLabels } from "../../profile/labels.ts";
import { createPprofReader, type PprofReader } from "../../profile/pprof-reader.ts";
import { encodeQueuedProfile, shared } from "../../profile/queued-profile-codec.ts";
import { prepareLabels } from "./admit.ts";
import type { DecodeInput, DecodeJob, DecodeOutcome, DecodeResult, EncodedMessage } from "./decode-job.ts";
import { type Discard, discardFault, isDiscardReason } from "./discard.ts";
import type { FormatItem } from "./formats/format.ts";
import { FORMATS } from "./formats/registry.ts";
import { normalize } from "./normalize.ts";

/** A reader keeps arrays as large as the largest profile it has read: after an unusual one it is given up. */
const READER_BYTES_MAX = 32 * 1024 * 1024;

/** Taken while a job uses it: jobs that wait for something can overlap on one thread, and what a reader gives holds only until it reads again. */
let idleReader: PprofReader | undefined;

/** The entry of a decoding thread. The messages it gives are in shared memory: they cross threads without being copied. */
export async function decodeTask(jobs: readonly DecodeJob[]): Promise<readonly DecodeOutcome[]> {
  const outcomes: DecodeOutcome[] = [];
  for (const job of jobs) {
    try {
      outcomes.push({ ok: true, result: await runDecodeJob(job) });
    } catch (defect) {
      outcomes.push({ ok: false, defect });
    }
  }
  return outcomes;
}

/**
 * Decodes, judges and normalises every profile of a job and gives the good ones as queue messages. Expected faults are data in the
 * result; only a defect of ours is thrown.
 */
export async function runDecodeJob(job: DecodeJob): Promise<DecodeResult> {
  const reader = idleReader ?? createPprofReader();
  idleReader = undefined;
  const context = { reader, limits: job.limits, nowMs: job.nowMs };
  const work = new JobWork(job);
  for (const input of job.inputs) {
    work.begin(inputKey(job, input));
    try {
      const items = (FORMATS[input.kind] as (input: DecodeInput, context: object) => Iterable<FormatItem>)(input, context);
      for await (const item of items) work.take(item);
    } catch (error) {
      work.refuseInput(faultOf(error), inputBytes(input));
    }
  }
  if (!work.unusual) idleReader = reader;
  return work.result();
}

/** What a job has come to so far. */
class JobWork {
  /** Some profile was so large that the reader is not worth keeping. */
  unusual = false;
  readonly #job: DecodeJob;
  readonly #messages: EncodedMessage[] = [];
  readonly #faults: FaultRecord[] = [];
  readonly #discards: Discard[] = [];
  #profiles = 0;
  #uncompressedBytes = 0;
  #missingSamples = 0;
  /** Of all inputs: makes the ids of profiles. */
  #items = 0;
  /** Of the input at work: its key, the number of its first profile and item, and the profile that was refused last. */
  #key = "";
  #firstProfile = 0;
  #firstItem = 0;
  #refusedProfile = -1;

  constructor(job: DecodeJob) {
    this.#job = job;
  }

  begin(key: string): void {
    this.#key = key;
    this.#firstProfile = this.#profiles;
    this.#firstItem = this.#items;
    this.#refusedProfile = -1;
  }

  take(item: FormatItem): void {
    this.#profiles = Math.max(this.#profiles, this.#firstProfile + item.profile + 1);
    if (item.sizeBytes > READER_BYTES_MAX) this.unusual = true;
    const index = this.#items++;
    try {
      if (!item.ok) throw item.fault;
      this.#uncompressedBytes += item.sizeBytes;
      this.#admit(item, index);
    } catch (error) {
      const fault = faultOf(error);
      // Parts of one profile are one refusal.
      if (item.profile === this.#refusedProfile) return;
      this.#refusedProfile = item.profile;
      this.#refuse(fault, item.sizeBytes);
    }
  }

  /** The body as a whole is refused: it counts as one profile unless some were read before. */
  refuseInput(fault: CodedError, bytes: number): void {
    if (this.#profiles === this.#firstProfile) this.#profiles++;
    this.#refuse(fault, bytes);
  }

  result(): DecodeResult {
    return {
      messages: this.#messages,
      profiles: this.#profiles,
      faults: this.#faults,
      discards: this.#discards,
      uncompressedBytes: this.#uncompressedBytes,
      missingSamples: this.#missingSamples,
    };
  }

  #refuse(fault: CodedError, bytes: number): void {
    this.#faults.push(faultRecord(fault));
    if (isDiscardReason(fault.code)) this.#discards.push({ reason: fault.code, profiles: 1, bytes });
  }

  #admit(item: Extract<FormatItem, { ok: true }>, index: number): void {
    const { tenant, nowMs, limits } = this.#job;
    const labels = prepareLabels(item.labels, limits);
    const id = profileId(this.#job.idSeed, index);
    const { profiles, missingSamples } = normalize({ profile: item.decoded, labels, tenant, id, nowMs, limits });
    this.#missingSamples += missingSamples;
    const key = item.repeatable ? `${this.#key}-${index - this.#firstItem}` : Buffer.from(id).toString("hex");
    for (const [kind, profile] of profiles.entries()) {
      this.#messages.push({ id: `${key}-${kind}`, service: profile.service, bytes: encodeQueuedProfile(profile, shared) });
    }
  }
}

/** An expected fault. What there is no memory for is one too: only a tenant without limits can send it. Any other error is a defect and thrown on. */
function faultOf(error: unknown): CodedError {
  if (error instanceof CodedError) return error;
  if (!(error instanceof RangeError) || !NO_MEMORY.test(error.message)) throw error;
  return discardFault("profile_size_limit", "profile needs more memory than there is: profile for a shorter time", {}, error);
}

const NO_MEMORY = /allocation failed|Invalid (typed )?array (buffer )?length/i;

/** Different for each profile of a job: the seed with the index mixed into its last bytes. */
function profileId(seed: Uint8Array, index: number): Uint8Array {
  const id = Uint8Array.from(seed);
  for (let byte = 0; byte < 4; byte++) id[15 - byte] = (id[15 - byte] as number) ^ ((index >>> (byte * 8)) & 0xff);
  return id;
}

/** One text for one tenant, sender and body: a client that sends again because it saw no answer gives the same. */
function inputKey(job: DecodeJob, input: DecodeInput): string {
  const hash = createHash("sha1").update(`${job.tenant}\0${input.kind}\0`);
  switch (input.kind) {
    case "pprof":
      return hash
        .update(`${input.clientId}\0${labelSetKey(sortLabels(input.labels))}`)
        .update(input.raw)
        .digest("hex");
    case "ingest":
      return hash.update(`${input.query}\0${input.contentType}\0`).update(input.body).digest("hex");
    case "otlp":
      return hash.update(input.body).digest("hex");
  }
}

function inputBytes(input: DecodeInput): number {
  return input.kind === "pprof" ? input.raw.length : input.body.length;
}

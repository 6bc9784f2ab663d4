import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { type Clock, systemClock } from "../base/clock.ts";
import { type Random, systemRandom } from "../base/random.ts";
import { objectExists } from "./errors.ts";
import { newObjectId } from "./object-id.ts";
import type { ObjectInfo, ObjectStore } from "./object-store.ts";
import { checkKey } from "./paths.ts";
import { type Attempt, hedged, withAttempts } from "./s3-attempts.ts";
import { s3Client } from "./s3-client.ts";
import { asObjectFault, isAbsent, isTaken, statusOf } from "./s3-faults.ts";
import { type S3Settings, SLOWEST_BYTES_PER_SECOND } from "./s3-settings.ts";
import { type S3Operation, S3Tally } from "./s3-tally.ts";

/** Metadata of each object: which call has created it, so that a creator whose answer was lost knows its own object from another one's. */
const CREATOR = "brazier-creator";

export type S3Deps = { readonly clock: Clock; readonly random: Random; readonly tally: S3Tally };

/** Opens an S3 bucket. Nothing is asked of it yet. Errors: `object_store_unsuitable` for settings that cannot work. */
export async function openS3Store(settings: S3Settings, deps: Partial<S3Deps> = {}): Promise<S3Store> {
  const { clock = systemClock, random = systemRandom, tally = new S3Tally() } = deps;
  return new S3Store(settings, await s3Client(settings, clock), { clock, random, tally });
}

/** Made by {@link openS3Store}. */
export class S3Store implements ObjectStore {
  readonly description: string;
  readonly #settings: S3Settings;
  readonly #client: S3Client;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #tally: S3Tally;
  readonly #prefix: string;

  constructor(settings: S3Settings, client: S3Client, { clock, random, tally }: S3Deps) {
    this.description = `s3://${settings.bucket}/${settings.prefix}${settings.endpoint === "" ? "" : ` at ${settings.endpoint}`}`;
    this.#settings = settings;
    this.#client = client;
    this.#clock = clock;
    this.#random = random;
    this.#tally = tally;
    this.#prefix = settings.prefix === "" ? "" : `${settings.prefix}/`;
  }

  /** An attempt whose answer was lost may have succeeded: the next one then finds the key taken by this very call, which is a success. */
  async create(key: string, bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
    const name = this.#name(key);
    const creator = newObjectId(this.#clock, this.#random);
    const { sse, sseKmsKeyId } = this.#settings;
    const put: Attempt<unknown> = (abortSignal) =>
      this.#client.send(
        new PutObjectCommand({
          ...name,
          Body: bytes,
          IfNoneMatch: "*",
          Metadata: { [CREATOR]: creator },
          ...(sse === "none" ? {} : { ServerSideEncryption: sse }),
          ...(sse === "aws:kms" && sseKmsKeyId !== "" ? { SSEKMSKeyId: sseKmsKeyId } : {}),
        }),
        { abortSignal },
      );
    try {
      await this.#attempt("create", put, bytes.byteLength, signal);
      this.#tally.written(bytes.byteLength);
    } catch (error) {
      if (!isTaken(error)) throw this.#fault(error, key, signal);
      if ((await this.#creatorOf(key, signal)) !== creator) throw objectExists(key);
    }
  }

  get(key: string, signal?: AbortSignal): Promise<Uint8Array> {
    return this.#read(key, undefined, signal);
  }

  async getRange(key: string, offset: number, size: number, signal?: AbortSignal): Promise<Uint8Array> {
    checkKey(key);
    if (size === 0) return new Uint8Array(0);
    return this.#read(key, { offset, size }, signal);
  }

  async *list(prefix: string, options: { readonly startAfter?: string; readonly signal?: AbortSignal } = {}): AsyncGenerator<ObjectInfo> {
    const { startAfter, signal } = options;
    let token: string | undefined;
    do {
      const command = new ListObjectsV2Command({
        Bucket: this.#settings.bucket,
        Prefix: this.#prefix + prefix,
        ...(token !== undefined ? { ContinuationToken: token } : startAfter === undefined ? {} : { StartAfter: this.#prefix + startAfter }),
      });
      const page = await this.#attempt("list", (abortSignal) => this.#client.send(command, { abortSignal }), 0, signal).catch((error) => {
        throw this.#fault(error, prefix, signal);
      });
      for (const { Key, Size } of page.Contents ?? []) {
        // Some consoles and gateways make objects that stand for folders.
        if (Key === undefined || Key.endsWith("/")) continue;
        yield { key: Key.slice(this.#prefix.length), sizeBytes: Size ?? 0 };
      }
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  async delete(key: string, signal?: AbortSignal): Promise<void> {
    const command = new DeleteObjectCommand(this.#name(key));
    try {
      await this.#attempt("delete", (abortSignal) => this.#client.send(command, { abortSignal }), 0, signal);
    } catch (error) {
      // Amazon's says yes to what is absent, some others say so.
      if (!isAbsent(error)) throw this.#fault(error, key, signal);
    }
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }

  async #read(
    key: string,
    range: { readonly offset: number; readonly size: number } | undefined,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    const command = {
      ...this.#name(key),
      ...(range === undefined ? {} : { Range: `bytes=${range.offset}-${range.offset + range.size - 1}` }),
    };
    const once: Attempt<Uint8Array> = (abortSignal) =>
      this.#tally.request("get", abortSignal, async () =>
        wholeBody(await this.#client.send(new GetObjectCommand(command), { abortSignal }), key),
      );
    try {
      const hedging = { afterMs: this.#settings.hedgeAfterMs, clock: this.#clock, onSecond: () => this.#tally.hedge() };
      const bytes = await this.#retried("get", (each) => hedged(once, hedging, each), range?.size ?? 0, signal);
      this.#tally.read(bytes.byteLength);
      return bytes;
    } catch (error) {
      if (range !== undefined && statusOf(error) === 416) return new Uint8Array(0);
      throw this.#fault(error, key, signal);
    }
  }

  async #creatorOf(key: string, signal: AbortSignal | undefined): Promise<string | undefined> {
    const command = new HeadObjectCommand(this.#name(key));
    try {
      const { Metadata } = await this.#attempt("head", (abortSignal) => this.#client.send(command, { abortSignal }), 0, signal);
      return Metadata?.[CREATOR];
    } catch (error) {
      // Created by another one and removed again since: it was not ours, which nobody knows of.
      if (isAbsent(error)) return undefined;
      throw this.#fault(error, key, signal);
    }
  }

  #attempt<T>(operation: S3Operation, call: Attempt<T>, sizeBytes: number, signal: AbortSignal | undefined): Promise<T> {
    return this.#retried(operation, (each) => this.#tally.request(operation, each, () => call(each)), sizeBytes, signal);
  }

  #retried<T>(operation: S3Operation, call: Attempt<T>, sizeBytes: number, signal: AbortSignal | undefined): Promise<T> {
    const { attempts, timeoutMs } = this.#settings;
    const onRetry = (): void => this.#tally.retry(operation);
    const limits = { attempts, timeoutMs: timeoutMs + Math.ceil((sizeBytes / SLOWEST_BYTES_PER_SECOND) * 1000), signal, onRetry };
    return withAttempts(call, { clock: this.#clock, random: this.#random }, limits);
  }

  /** Whoever has aborted a call gets the reason back; a time-out of ours is a server that does not answer. */
  #fault(error: unknown, key: string, signal: AbortSignal | undefined): unknown {
    return signal?.aborted === true ? error : asObjectFault(error, key, this.#settings);
  }

  #name(key: string): { readonly Bucket: string; readonly Key: string } {
    checkKey(key);
    return { Bucket: this.#settings.bucket, Key: this.#prefix + key };
  }
}

/** The body in memory of its own, all of it: one that ends early is an error that passes. */
async function wholeBody({ Body, ContentLength }: GetObjectCommandOutput, key: string): Promise<Uint8Array> {
  const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array(0);
  if (ContentLength !== undefined && bytes.byteLength !== ContentLength) {
    throw new Error(`the body of ${key} ended after ${bytes.byteLength} of ${ContentLength} bytes`);
  }
  return bytes.constructor === Uint8Array && bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
}

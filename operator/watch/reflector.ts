import { type KubeConfig, Watch } from "@kubernetes/client-node";
import { type Backoff, backoffMs } from "../../pipeline/base/backoff.ts";
import type { Clock } from "../../pipeline/base/clock.ts";
import { isCoded } from "../../pipeline/base/errors.ts";
import type { Running } from "../../pipeline/base/lifecycle.ts";
import type { Log } from "../../pipeline/base/log.ts";
import type { Random } from "../../pipeline/base/random.ts";
import type { Cluster } from "../kube/cluster.ts";
import { collectionPath, type Resource } from "../kube/kinds.ts";
import { type KubeObject, numberAt } from "../kube/object.ts";

/** A copy of all objects of one kind that fit a selector, kept up to date. */
export interface Store {
  values(): readonly KubeObject[];
  get(namespace: string, name: string): KubeObject | undefined;
}

export type ReflectorDeps = {
  readonly cluster: Cluster;
  readonly config: KubeConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
};

export type ReflectorOptions = {
  readonly resource: Resource;
  readonly namespace: string | undefined;
  readonly labelSelector?: string;
  /** Called when the server knows no such kind. */
  readonly onMissing?: () => void;
  /** Called for every object that came, changed or went; `previous` is what the copy held before. */
  readonly onChange: (object: KubeObject, previous: KubeObject | undefined, gone: boolean) => void;
};

const BACKOFF: Backoff = { firstMs: 500, maxMs: 30_000 };
/** A watch ends after this long and is taken up where it was: what a lost connection hides is found then. */
const WATCH_SECONDS = 240;

/** Lists, then watches from there; lists again when the server has forgotten that point (410) or the watch broke oddly. */
export class Reflector implements Store, Running {
  readonly #deps: ReflectorDeps;
  readonly #options: ReflectorOptions;
  readonly #objects = new Map<string, KubeObject>();
  readonly #ending = new AbortController();
  #loop: Promise<void> | undefined;
  #synced = Promise.withResolvers<void>();

  constructor(deps: ReflectorDeps, options: ReflectorOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Resolves when the first list is in. */
  start(): Promise<void> {
    this.#loop ??= this.#run();
    return this.#synced.promise;
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    this.#synced.resolve();
    await this.#loop;
  }

  values(): readonly KubeObject[] {
    return [...this.#objects.values()];
  }

  get(namespace: string, name: string): KubeObject | undefined {
    return this.#objects.get(`${namespace}/${name}`);
  }

  async #run(): Promise<void> {
    const { clock, random, log } = this.#deps;
    const { signal } = this.#ending;
    let failures = 0;
    while (!signal.aborted) {
      try {
        let from = await this.#list();
        this.#synced.resolve();
        failures = 0;
        while (!signal.aborted) from = await this.#watch(from);
      } catch (error) {
        if (signal.aborted) break;
        failures++;
        if (isCoded(error, "cluster_not_found")) this.#options.onMissing?.();
        if (failures > 1) log.warn({ err: error, kind: this.#options.resource.kind, failures }, "watch lost, listing again");
        await clock.sleep(backoffMs(BACKOFF, failures, random), signal);
      }
    }
  }

  async #list(): Promise<string> {
    const { resource, namespace, labelSelector } = this.#options;
    const { items, resourceVersion } = await this.#deps.cluster.list(resource, { namespace, labelSelector });
    const seen = new Set(items.map(keyOf));
    for (const [key, object] of this.#objects) if (!seen.has(key)) this.#forget(object);
    for (const object of items) this.#take(object);
    return resourceVersion;
  }

  /** Gives the version to go on from; rejects when the way on is a new list. */
  async #watch(from: string): Promise<string> {
    const { resource, namespace, labelSelector } = this.#options;
    // Bookmarks come every minute: silence for longer is a dead connection. The library's own 30 s would end every quiet watch.
    const watch = new Watch(this.#deps.config);
    Object.assign(watch, { requestTimeoutMs: 150_000 });
    let version = from;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onEvent = (type: string, object: KubeObject): void => {
      if (type === "ERROR") return reject(new Error(`the watch ended with status ${numberAt(object, "code")}`));
      version = object.metadata.resourceVersion ?? version;
      if (type === "BOOKMARK") return;
      const whole = { ...object, apiVersion: resource.apiVersion, kind: resource.kind };
      if (type === "DELETED") this.#forget(whole);
      else this.#take(whole);
    };
    const query = { resourceVersion: from, allowWatchBookmarks: true, timeoutSeconds: WATCH_SECONDS, labelSelector };
    const opening = watch.watch(collectionPath(resource, namespace), query, onEvent, (error: unknown) =>
      error === null || error === undefined ? resolve() : reject(error),
    );
    opening.catch(reject);
    const abort = (): void => {
      // A server that takes the connection and says nothing must not hold up the end.
      resolve();
      void opening.then(
        (controller) => controller.abort(),
        () => {},
      );
    };
    this.#ending.signal.addEventListener("abort", abort, { once: true });
    if (this.#ending.signal.aborted) abort();
    try {
      await promise;
    } finally {
      this.#ending.signal.removeEventListener("abort", abort);
    }
    return version;
  }

  #take(object: KubeObject): void {
    const previous = this.#objects.get(keyOf(object));
    if (previous?.metadata.resourceVersion === object.metadata.resourceVersion) return;
    this.#objects.set(keyOf(object), object);
    this.#options.onChange(object, previous, false);
  }

  #forget(object: KubeObject): void {
    const previous = this.#objects.get(keyOf(object));
    if (previous === undefined) return;
    this.#objects.delete(keyOf(object));
    this.#options.onChange(previous, previous, true);
  }
}

function keyOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ""}/${metadata.name}`;
}

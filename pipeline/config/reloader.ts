import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Clock } from "../base/clock.ts";
import { isCoded } from "../base/errors.ts";
import type { Running } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import { counter, gauge, type Registry } from "../base/metrics.ts";
import type { DurationMs, UnixMs } from "../base/units.ts";

export type ReloaderDeps = { readonly clock: Clock; readonly log: Log; readonly registry: Registry; readonly intervalMs: number };

/** A value that follows its files. */
export interface Reloaded<Value> {
  /** As of the last time the files were in order. */
  readonly current: Value;
  /** Called with each new value. */
  onChange(listener: (value: Value) => void): void;
}

/** How a watched setting stands; `fault` says why the newest files are not in force. */
export type ReloadState = {
  readonly name: string;
  readonly files: readonly string[];
  readonly loadedMs: UnixMs;
  readonly fault: string | undefined;
};

type Watch = {
  readonly name: string;
  readonly files: readonly string[];
  seen: string;
  load: () => void;
  loadedMs: UnixMs;
  fault: string | undefined;
};

/**
 * Files that may change while the process runs. They are looked at again and again, by content: mounted secrets are swapped by symbolic
 * links, which tell no watcher of files. Files with a fault change nothing: the old value stays, and the fault is logged, counted and shown.
 */
export class Reloader {
  readonly #deps: ReloaderDeps;
  readonly #watches: Watch[] = [];
  readonly #reloads;

  constructor(deps: ReloaderDeps) {
    this.#deps = deps;
    this.#reloads = counter(deps.registry, {
      name: "brazier_reloads_total",
      help: "Changes seen in files that are read anew while the process runs, by setting and outcome (done, failed).",
      labelNames: ["setting", "outcome"],
    });
    gauge(deps.registry, {
      name: "brazier_reload_in_force",
      help: "1 while the newest content of the setting's files is in force, 0 while it has a fault and an older one stays.",
      labelNames: ["setting"],
      collect: (metric) => {
        for (const { name, fault } of this.#watches) metric.set({ setting: name }, fault === undefined ? 1 : 0);
      },
    });
  }

  /** Loads for the first time, and from then on whenever a file has changed. Errors: those of the first load. */
  watch<Value>(name: string, files: readonly string[], load: () => Value): Reloaded<Value> {
    const seen = fingerprint(files);
    let current = load();
    const listeners: ((value: Value) => void)[] = [];
    this.#watches.push({
      name,
      files,
      seen,
      loadedMs: this.#deps.clock.nowMs(),
      fault: undefined,
      load: () => {
        current = load();
        for (const listener of listeners) listener(current);
      },
    });
    return {
      get current() {
        return current;
      },
      onChange: (listener) => void listeners.push(listener),
    };
  }

  states(): readonly ReloadState[] {
    return this.#watches.map(({ name, files, loadedMs, fault }) => ({ name, files, loadedMs, fault }));
  }

  start(): Running {
    const stopping = new AbortController();
    const running = this.#run(stopping.signal);
    return {
      stop: async () => {
        stopping.abort();
        await running;
      },
    };
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (this.#watches.length > 0 && !signal.aborted) {
      await this.#deps.clock.sleep(this.#deps.intervalMs as DurationMs, signal);
      if (!signal.aborted) this.look();
    }
  }

  /** One look at all files. */
  look(): void {
    for (const watch of this.#watches) {
      const seen = fingerprint(watch.files);
      if (seen === watch.seen) continue;
      // Remembered even if it cannot be loaded: a fault is told once, not at every look.
      watch.seen = seen;
      this.#reload(watch);
    }
  }

  #reload(watch: Watch): void {
    const { clock, log } = this.#deps;
    const { name, files } = watch;
    try {
      watch.load();
      watch.loadedMs = clock.nowMs();
      watch.fault = undefined;
      this.#reloads.inc({ setting: name, outcome: "done" });
      log.info({ setting: name, files }, "files have changed, the new content is in force");
    } catch (error) {
      watch.fault = isCoded(error) ? error.message : String(error);
      this.#reloads.inc({ setting: name, outcome: "failed" });
      log.error({ err: error, setting: name, files }, "files have changed and have a fault, the old content stays in force");
    }
  }
}

/** Changes when the content of a file does. A file that cannot be read counts as one more content. */
function fingerprint(files: readonly string[]): string {
  const hash = createHash("sha256");
  for (const file of files) {
    try {
      const content = readFileSync(file);
      hash.update(`${content.length}:`).update(content);
    } catch (error) {
      hash.update(`!${(error as NodeJS.ErrnoException).code ?? "unreadable"}:`);
    }
  }
  return hash.digest("hex");
}

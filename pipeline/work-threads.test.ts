import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { WorkThreads } from "./work-threads.ts";

/*
 * Goal: a quiet server works on one thread, and nothing that takes long is ever in the way of a push.
 * Method: tasks that tell their thread; those that are to overlap wait until the test lets them go.
 */

const TASK = `
  import { threadId } from "node:worker_threads";
  export default async ({ gate }) => {
    while (gate !== undefined && Atomics.load(gate, 0) === 0) await new Promise((done) => setTimeout(done, 2));
    return threadId;
  };
`;
const folder = mkdtempSync(join(tmpdir(), "brazier-work-threads-"));
const filename = join(folder, "task.mjs");
writeFileSync(filename, TASK);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Task = { readonly gate?: Int32Array; readonly long?: boolean };

function gate(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4));
}

async function withThreads(work: (threads: WorkThreads) => Promise<void>, cores = 2): Promise<void> {
  const threads = new WorkThreads({ cores, decodeThreads: 1, idleMs: 60_000 });
  try {
    await work(threads);
  } finally {
    await threads.close();
  }
}

describe("WorkThreads", () => {
  const options = { filename };

  it("does everything on one thread while there is little to do", () =>
    withThreads(async (threads) => {
      const decoder = await threads.for("decode")({}, options);
      expect(await threads.for("build")({}, options)).toBe(decoder);
      expect(await threads.for("merge")({}, options)).toBe(decoder);
    }));

  it("gives a build a thread of its own once the decoder is busy, and keeps to it", () =>
    withThreads(async (threads) => {
      const open = gate();
      const decoding = threads.for("decode")({ gate: open } satisfies Task, options);
      const builder = await threads.for("build")({}, options);
      Atomics.store(open, 0, 1);
      expect(await decoding).not.toBe(builder);
      expect(await threads.for("build")({}, options)).toBe(builder);
    }));

  it("never lets a push wait for a task that takes long, even when the decoder was idle", () =>
    withThreads(async (threads) => {
      const open = gate();
      const merge = threads.for<Task>("merge", ({ long }) => long === true);
      const merging = merge({ gate: open, long: true } satisfies Task, options);
      // It would never come back if it stood behind the merge.
      const decoder = await threads.for("decode")({}, options);
      Atomics.store(open, 0, 1);
      expect(await merging).not.toBe(decoder);
    }));

  it.each([
    { cores: 2, apart: false },
    { cores: 4, apart: true },
  ])("builds while a merge goes on, of $cores cores on threads apart: $apart", ({ cores, apart }) =>
    withThreads(async (threads) => {
      const open = gate();
      const merging = threads.for<Task>("merge", ({ long }) => long === true)({ gate: open, long: true } satisfies Task, options);
      const decoding = threads.for("decode")({ gate: open } satisfies Task, options);
      const builder = await threads.for("build")({}, options);
      Atomics.store(open, 0, 1);
      expect((await merging) !== builder).toBe(apart);
      expect(await decoding).not.toBe(builder);
    }, cores),
  );
});

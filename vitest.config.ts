import { defineConfig } from "vitest/config";

/*
 * One project per kind of test, so that `npm run test:unit` stays short and the slow ones have the time they need.
 * Two workers: the small machines that CI gives have two cores, and a third test only makes the timings of the others lie.
 */
const shared = { environment: "node", maxWorkers: 2 } as const;

/** A suite under `test/` that starts real processes: one file at a time, long timeouts. */
function processSuite(name: string, options: { readonly timeoutMs: number; readonly globalSetup?: string }) {
  return {
    test: {
      ...shared,
      name,
      include: [`test/${name}/**/*.test.ts`],
      fileParallelism: false,
      testTimeout: options.timeoutMs,
      hookTimeout: options.timeoutMs,
      ...(options.globalSetup === undefined ? {} : { globalSetup: options.globalSetup }),
    },
  };
}

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...shared,
          name: "unit",
          include: [
            "pipeline/**/*.test.ts",
            "operator/**/*.test.ts",
            "ui/**/*.test.ts",
            "ui/**/*.test.tsx",
            "hack/**/*.test.ts",
            "test/harness/**/*.test.ts",
          ],
          exclude: ["**/node_modules/**", "**/dist/**"],
          testTimeout: 20_000,
          hookTimeout: 20_000,
        },
      },
      processSuite("simulation", { timeoutMs: 300_000 }),
      processSuite("golden", { timeoutMs: 120_000 }),
      processSuite("oracle", { timeoutMs: 180_000 }),
      processSuite("properties", { timeoutMs: 300_000 }),
      processSuite("clients", { timeoutMs: 300_000 }),
      processSuite("operator", { timeoutMs: 240_000 }),
      processSuite("agent", { timeoutMs: 300_000 }),
      processSuite("integration", { timeoutMs: 180_000 }),
      processSuite("faults", { timeoutMs: 600_000 }),
      processSuite("e2e", { timeoutMs: 300_000, globalSetup: "test/e2e/cluster.ts" }),
      processSuite("ui", { timeoutMs: 120_000 }),
    ],
  },
});

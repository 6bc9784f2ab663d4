import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { REPOSITORY } from "./server.ts";

/* `brazier operator` as a process of its own. */

export type OperatorProcess = {
  readonly child: ChildProcess;
  /** Where /metrics, /healthz and /readyz are. */
  readonly url: string;
  stop(): Promise<number | null>;
};

/** Waits until it says that it has started; whether it leads is for others to see. */
export async function startOperator(kubeconfig: string, more: readonly string[] = []): Promise<OperatorProcess> {
  const child = spawn(
    join(REPOSITORY, "bin/brazier"),
    ["operator", `--kubeconfig=${kubeconfig}`, "--namespace=default", "--port=0", ...more],
    {
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  let said = "";
  const exited = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)));
  const port = await new Promise<number>((resolve, reject) => {
    child.stderr?.on("data", (text: Buffer) => {
      said += text.toString("utf8");
      if (process.env["BRAZIER_TEST_LOGS"] === "1") process.stderr.write(text);
      const started = said.split("\n").find((line) => line.includes("operator started") && line.endsWith("}"));
      if (started !== undefined) resolve((JSON.parse(started) as { port: number }).port);
    });
    void exited.then(() => reject(new Error(`the operator ended before it started:\n${said}`)));
  });
  return {
    child,
    url: `http://127.0.0.1:${port}`,
    stop: () => {
      child.kill("SIGTERM");
      return exited;
    },
  };
}

/** Asserts again until it holds; the last failure is the one that is told. */
export async function eventually(check: () => void | Promise<void>, withinMs = 90_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

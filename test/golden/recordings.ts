import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { REPOSITORY } from "../harness/server.ts";
import type { RecordedReply } from "./meaning.ts";

export type RecordedAnswer = {
  readonly name: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: unknown;
  };
  readonly response: RecordedReply;
  /** Whether Pyroscope itself gives this answer every time. */
  readonly stable: boolean;
};
export type RecordedProfile = { readonly tenant: string; readonly labels: Readonly<Record<string, string>>; read(): Uint8Array };
export type Recording = {
  readonly name: string;
  readonly profiles: readonly RecordedProfile[];
  readonly answers: readonly RecordedAnswer[];
};

/** The recording of this repository. */
export function ownRecording(): Recording {
  const folder = join(REPOSITORY, "test/golden/recorded");
  const manifest = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")) as {
    file: string;
    tenant: string;
    labels: Record<string, string>;
  }[];
  return {
    name: "in this repository",
    profiles: manifest.map(({ file, tenant, labels }) => ({ tenant, labels, read: () => readFileSync(join(folder, file)) })),
    answers: JSON.parse(gunzipSync(readFileSync(join(folder, "answers.json.gz"))).toString("utf8")) as RecordedAnswer[],
  };
}

/** The longer one, on machines that have it beside the clone; undefined elsewhere. */
export function siblingRecording(): Recording | undefined {
  const folder = join(REPOSITORY, "../shared/golden");
  if (!existsSync(join(folder, "answers"))) return undefined;
  const profiles = [
    ["set", "golden"],
    ["special", "special"],
  ].flatMap(([part, tenant]) =>
    readFileSync(join(folder, part as string, "manifest.jsonl"), "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as { file: string; labels: Record<string, string> })
      .map(({ file, labels }) => ({ tenant: tenant as string, labels, read: () => readFileSync(join(folder, part as string, file)) })),
  );
  const answers = readdirSync(join(folder, "answers"))
    .filter((file) => file.endsWith(".json"))
    .sort()
    .map((file) => readAnswer(join(folder, "answers", file), file.slice(0, -".json".length)));
  return { name: "beside the clone", profiles, answers };
}

function readAnswer(path: string, name: string): RecordedAnswer {
  const {
    request,
    response,
    stable = true,
  } = JSON.parse(readFileSync(path, "utf8")) as Omit<RecordedAnswer, "name" | "stable"> & { stable?: boolean };
  return { name, request, response, stable };
}

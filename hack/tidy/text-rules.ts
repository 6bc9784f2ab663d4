import { isGenerated, type RepositoryFile, type TidyFault } from "./repository.ts";

/** One idea per file fits a few screens; a file longer than this is two ideas, or a table that wants to be data. */
const LINES_MAX = 500;
const FILE_BYTES_MAX = 1024 * 1024;

export function checkLengths(files: readonly RepositoryFile[]): readonly TidyFault[] {
  return files.flatMap((file) => {
    if (!/\.(tsx?|go|css|sh)$/.test(file.path) || isGenerated(file.path) || file.text === undefined) return [];
    const lines = file.text.split("\n").length - 1;
    if (lines <= LINES_MAX) return [];
    return [{ path: file.path, problem: `has ${lines} lines, ${LINES_MAX} are allowed`, remedy: "split it by idea, and name the parts" }];
  });
}

/** What belongs to one machine or one download mirror has no business in a clone. */
const LEAKS: readonly { readonly pattern: RegExp; readonly problem: string; readonly remedy: string }[] = [
  {
    pattern: /"resolved"\s*:/,
    problem: "names a download address",
    remedy: "keep omit-lockfile-registry-resolved=true in .npmrc and run npm install again",
  },
  {
    pattern: /https?:\/\/[\w.-]*(?:registry|goproxy|artifactory|nexus|mirror)[\w.-]*\//i,
    problem: "names a package registry",
    remedy: "leave the choice of registry to the machine",
  },
  {
    pattern: /(?<![\w.$}/-])\/(?:work|root)\/[a-z.]/,
    problem: "names a path of one machine",
    remedy: "write it relative to the repository, or take it as an argument",
  },
  { pattern: /(?<![\w.$}/-])\/tmp\/(?:brief|bench|fleet)/, problem: "names a path of one machine", remedy: "use os.tmpdir() or .cache/" },
];

export function checkLeaks(files: readonly RepositoryFile[]): readonly TidyFault[] {
  return files.flatMap((file) => {
    if (file.text === undefined || isRecordedData(file.path)) return [];
    return file.text.split("\n").flatMap((line, index) =>
      LEAKS.filter((leak) => leak.pattern.test(line)).map(({ problem, remedy }) => ({
        path: file.path,
        line: index + 1,
        problem,
        remedy,
      })),
    );
  });
}

/** Real profiles and recorded answers name the files of the machines they were taken on. */
function isRecordedData(path: string): boolean {
  return path.startsWith("test/corpus/") || (path.startsWith("test/golden/") && path.endsWith(".json"));
}

export function checkSizes(sizes: readonly { readonly path: string; readonly bytes: number }[]): readonly TidyFault[] {
  return sizes
    .filter((file) => file.bytes > FILE_BYTES_MAX)
    .map((file) => ({
      path: file.path,
      problem: `is ${file.bytes} bytes`,
      remedy: "a clone stays light: generate it, compress it, or take a smaller one",
    }));
}

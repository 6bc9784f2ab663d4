import { existsSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";

/** What decides whether this machine can profile itself with the agent: facts in, so that the tests need no other machine. */
export type AgentFacts = {
  readonly platform: NodeJS.Platform;
  readonly uid: number | undefined;
  readonly path: string;
  readonly exists: (file: string) => boolean;
};

/** The agent's sources lie beside the server's in a clone; an image of the server has none. */
const AGENT_SOURCES = resolve(import.meta.dirname, "../../agent/go.mod");

/** True where `npm run agent` would work: Linux, root, the sources, and a Go to build them with. */
export function canRunAgent(facts: AgentFacts = ofThisMachine()): boolean {
  if (facts.platform !== "linux" || facts.uid !== 0 || !facts.exists(AGENT_SOURCES)) return false;
  return facts.path.split(delimiter).some((folder) => folder !== "" && facts.exists(join(folder, "go")));
}

function ofThisMachine(): AgentFacts {
  return { platform: process.platform, uid: process.getuid?.(), path: process.env["PATH"] ?? "", exists: existsSync };
}

import type { QueueLag, StackState } from "./stack-state.ts";
import { age, textTable } from "./text-table.ts";

/** Say again what the others say, in words of kstatus. */
const FOR_TOOLS: ReadonlySet<string> = new Set(["Reconciling", "Stalled"]);

/** A stack's state as text for a terminal. */
export function showStack(state: StackState, nowMs: number): string {
  const parts = [
    heading(state),
    section(
      "CONDITIONS",
      textTable(
        ["TYPE", "STATUS", "SINCE", "REASON", "MESSAGE"],
        state.conditions
          .filter(({ type }) => !FOR_TOOLS.has(type))
          .map(({ type, status, lastTransitionTime, reason, message }) => [type, status, age(lastTransitionTime, nowMs), reason, message]),
      ),
      state.conditions.length > 0,
    ),
    section(
      "COMPONENTS",
      textTable(
        ["NAME", "READY", "UPDATED", "VERSION"],
        state.components.map(({ name, wanted, ready, updated, version }) => [
          name,
          `${ready}/${wanted}`,
          `${updated}/${wanted}`,
          version ?? "-",
        ]),
      ),
      state.components.length > 0,
    ),
    section("PLANNED CHANGES", `${plan(state)}\n`),
    section(
      "STORAGE AND QUEUE",
      `storage  ${state.storage}${condition(state, "StorageReady")}\nqueue    ${state.queue}${lagText(state.lag)}\n`,
    ),
    section("ENDPOINTS", endpoints(state), Object.keys(state.endpoints).length > 0),
    section(
      "RECENT EVENTS",
      textTable(
        ["AGE", "TYPE", "REASON", "OBJECT", "MESSAGE"],
        state.events.map(({ time, type, reason, object, message }) => [age(time, nowMs), type, reason, object, message]),
      ),
      state.events.length > 0,
    ),
  ];
  return parts.filter((part) => part !== "").join("\n");
}

function heading({ namespace, name, size, version, verdict, explanation }: StackState): string {
  return `${namespace}/${name}: ${verdict}: ${explanation}\nsize ${size}, ${version === undefined ? "no version runs yet" : `version ${version}`}\n`;
}

function section(title: string, body: string, isThere = true): string {
  return isThere ? `${title}\n${body.replace(/^(?=.)/gm, "  ")}` : "";
}

function plan({ upgrade, scaling }: StackState): string {
  const lines = scaling.map(({ component, replicas, reason }) => `${component}: ${replicas} pods: ${reason}`);
  if (upgrade !== undefined) {
    const { from, to, component, waiting = [] } = upgrade;
    const then = waiting.length === 0 ? "" : `, then ${waiting.join(", ")}`;
    lines.unshift(`upgrade ${from === undefined ? "" : `from ${from} `}to ${to}: ${component ?? "nothing"} now${then}`);
  }
  return lines.length === 0 ? "none" : lines.join("\n");
}

function condition({ conditions }: StackState, type: string): string {
  const found = conditions.find((one) => one.type === type);
  return found === undefined ? "" : `: ${found.status === "True" ? found.message : found.reason}`;
}

function lagText(lag: QueueLag | undefined): string {
  if (lag === undefined) return "";
  if ("unknown" in lag) return `; what waits is not known: ${lag.unknown}`;
  return lag.messages === 0 ? "; nothing waits" : `; ${lag.messages} messages wait, the oldest for ${(lag.oldestMs / 1000).toFixed(1)} s`;
}

function endpoints(state: StackState): string {
  const rows = Object.entries(state.endpoints);
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, address]) => `${name.padEnd(width)}  ${address}\n`).join("");
}

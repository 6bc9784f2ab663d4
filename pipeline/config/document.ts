import { placedKeys } from "./paths.ts";
import { CONFIG_KEYS } from "./schema.ts";

/** `docs/configuration.md`, made of the schema; a test compares. */
export function configurationDocument(): string {
  const head = `# Configuration

Every setting has a key in a YAML file (\`--config FILE\`) and a variable in the environment. A flag wins over the variable, the variable over the
file, the file over the default. \`brazier config\` prints what is in force and where each value came from; an unknown key stops the start and
names the key that was probably meant. Flags of \`serve\`: \`--data\` is \`data_dir\`, \`--port\` is \`http.port\`, \`--no-self-profile\` is
\`self_profile.enabled: false\`, and \`--set KEY=VALUE\` is any key.

This page is made from the schema in \`pipeline/config/schema.ts\` (\`UPDATE_GOLDEN=1 npx vitest run pipeline/config\`); do not edit it.
`;
  const sections = new Map<string, string[]>();
  for (const { path, name, variable, key } of placedKeys(CONFIG_KEYS)) {
    const section = path.length === 1 && key.takes.includes("→") ? "limits" : path.length === 1 ? "" : (path[0] as string);
    const shown = key.shown(key.fallback as never);
    const row = `| \`${name}\` | \`${shown === "" ? '""' : shown}\` | ${key.takes.replaceAll("|", "\\|")} | ${key.about.replaceAll("|", "\\|")} | \`${variable}\` |`;
    const rows = sections.get(section);
    if (rows === undefined) sections.set(section, [row]);
    else rows.push(row);
  }
  const tables = [...sections].map(
    ([section, rows]) =>
      `\n## ${section === "" ? "General" : section}\n\n| key | default | takes | what it does | variable |\n|---|---|---|---|---|\n${rows.join("\n")}\n`,
  );
  return head + tables.join("");
}

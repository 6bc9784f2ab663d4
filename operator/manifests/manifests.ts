import { parseAllDocuments, stringify } from "yaml";
import { CodedError, FaultKind } from "../../pipeline/base/errors.ts";
import type { Settings } from "../desired/context.ts";
import { buildDesired } from "../desired/desired.ts";
import { OPTIONAL_KINDS } from "../desired/monitoring.ts";
import { API_VERSION } from "../desired/names.ts";
import { kindId } from "../kube/object.ts";
import type { Observed, Policy, Stack } from "../observe/observed.ts";
import { secretReferences } from "../validate/secret-references.ts";
import { readSchema, schemaFaults, withDefaults } from "./schema.ts";

/** Stands where a cluster would have a secret of its own making. */
const UNKNOWN = "(made by the operator)";

/**
 * The objects that a stack would get, as YAML, without a cluster: the operator's own builders over a file with a ProfilingStack, and
 * ProfilingPolicies beside it. Every optional kind counts as known.
 *
 * Errors: `manifests_invalid` (invalid), all faults at once.
 */
export async function manifestsOf(text: string, settings: Settings): Promise<string> {
  const documents = parseAllDocuments(text);
  const syntax = documents.flatMap((document) => document.errors);
  if (syntax.length > 0) throw invalid(syntax.map((error) => error.message));
  const objects = documents.map((document) => document.toJS() as unknown).filter((value) => value !== null);
  const stacks = await read<Stack>(objects, "ProfilingStack", "profilingstacks.yaml");
  const policies = await read<Policy>(objects, "ProfilingPolicy", "profilingpolicies.yaml");
  const [stack, ...more] = stacks;
  if (stack === undefined || more.length > 0) throw invalid([`give one ProfilingStack of ${API_VERSION}, not ${stacks.length}`]);
  const desired = buildDesired(pretend(stack, policies), settings);
  return desired.map((object) => `---\n${stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })}`).join("");
}

async function read<Value>(objects: readonly unknown[], kind: string, file: Parameters<typeof readSchema>[0]): Promise<readonly Value[]> {
  const schema = await readSchema(file);
  const mine = objects.filter((value) => (value as { kind?: unknown }).kind === kind);
  const filled = mine.map((value) => withDefaults(schema, value));
  const faults = filled.flatMap((value) => schemaFaults(schema, value));
  if (faults.length > 0) throw invalid(faults);
  return filled.map((value) => {
    const { metadata } = value as { metadata: { name: string; namespace?: string } };
    return { ...(value as object), metadata: { uid: UNKNOWN, namespace: "default", ...metadata } } as Value;
  });
}

function pretend(stack: Stack, policies: readonly Policy[]): Observed {
  return {
    stack,
    secrets: new Map(secretReferences(stack.spec).map(({ name }) => [name, {}])),
    owned: [],
    kinds: new Set(Object.values(OPTIONAL_KINDS).map(kindId)),
    policies,
    nats: { user: "brazier", password: UNKNOWN, tls: { caCertificate: UNKNOWN, caKey: UNKNOWN, certificate: UNKNOWN, key: UNKNOWN } },
    natsServers: undefined,
    looks: {},
    inFlight: "offered",
  };
}

function invalid(faults: readonly string[]): CodedError {
  return new CodedError(
    "manifests_invalid",
    FaultKind.Invalid,
    `no manifests can be made:\n${faults.map((fault) => `  ${fault}`).join("\n")}`,
    {
      facts: { faults },
    },
  );
}

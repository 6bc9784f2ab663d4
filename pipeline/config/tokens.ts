import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";
import { CodedError, FaultKind } from "../base/errors.ts";

/** One line of a tokens file. `tokenHash` is the SHA-256 of the token, in hex. */
export type TokenEntry = {
  readonly token: string | undefined;
  readonly tokenHash: string | undefined;
  readonly tenants: readonly string[];
  readonly mayRead: boolean;
  readonly mayWrite: boolean;
  readonly mayOperate: boolean;
};

const ENTRY = z
  .strictObject({
    token: z.string().min(16, "a token has at least 16 characters").optional(),
    token_sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, "64 hex digits")
      .optional(),
    tenants: z.array(z.string()).default([]),
    rights: z.array(z.enum(["read", "write", "operate"])).min(1, "read, write, operate, or several of them"),
  })
  .refine(
    (entry) => entry.tenants.length > 0 || entry.rights.every((right) => right === "operate"),
    "reading and writing take at least one tenant",
  )
  .refine((entry) => (entry.token === undefined) !== (entry.token_sha256 === undefined), "give either token or token_sha256");

const FILE = z.strictObject({ tokens: z.array(ENTRY) });

/**
 * Reads the file of `auth.tokens_file`: `tokens: [{ token_sha256: …, tenants: [acme], rights: [read, write] }]`.
 *
 * Errors: `tokens_unreadable`, `tokens_invalid` (invalid); a fault never repeats a token.
 */
export function readTokensFile(path: string): readonly TokenEntry[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new CodedError("tokens_unreadable", FaultKind.Invalid, `cannot read auth.tokens_file ${path}: ${(cause as Error).message}`, {
      cause,
    });
  }
  const parsed = FILE.safeParse(parseYaml(text, path));
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => `  ${issue.path.join(".")}: ${issue.message}`);
    throw new CodedError("tokens_invalid", FaultKind.Invalid, `auth.tokens_file ${path} has faults:\n${lines.join("\n")}`);
  }
  return parsed.data.tokens.map((entry) => ({
    token: entry.token,
    tokenHash: entry.token_sha256,
    tenants: entry.tenants,
    mayRead: entry.rights.includes("read"),
    mayWrite: entry.rights.includes("write"),
    mayOperate: entry.rights.includes("operate"),
  }));
}

function parseYaml(text: string, path: string): unknown {
  try {
    return parse(text);
  } catch {
    // The parser's message would show the line, which has a token in it.
    throw new CodedError("tokens_invalid", FaultKind.Invalid, `auth.tokens_file ${path} is not YAML`);
  }
}

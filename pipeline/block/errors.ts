import { CodedError, type Facts, FaultKind } from "../base/errors.ts";

/** Every way an object can contradict FORMAT.md, and what that means for the reader. */
const BLOCK_FAULTS = {
  block_too_small: FaultKind.Corrupt,
  block_magic_mismatch: FaultKind.Corrupt,
  block_checksum_mismatch: FaultKind.Corrupt,
  block_section_corrupt: FaultKind.Corrupt,
  /** Written by a newer program: update this one first. */
  block_version_unknown: FaultKind.Invalid,
} as const satisfies Record<string, FaultKind>;

export type BlockFault = keyof typeof BLOCK_FAULTS;

export function blockError(code: BlockFault, message: string, facts: Facts = {}, cause?: unknown): CodedError<BlockFault> {
  return new CodedError(code, BLOCK_FAULTS[code], message, { facts, cause });
}

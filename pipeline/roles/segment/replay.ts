import { CodedError, FaultKind, faultFromRecord, isCoded } from "../../base/errors.ts";
import { deadKey } from "../../objects/paths.ts";
import { buildSegmentFromMessages } from "./build.ts";
import { readDeadLetter } from "./dead-letter.ts";
import { Publication, type PublishDeps } from "./publish.ts";

/**
 * Tries a dead letter once more with the code of today: what can be read now becomes a segment of its own and the letter is removed. It goes past the
 * queue, whose progress has counted the message long ago.
 *
 * Gives the segment's key. Errors: `dead_letter_unknown`, the fault of a message that still cannot be read, those of bucket and catalog.
 */
export async function replayDeadLetter(id: string, deps: PublishDeps): Promise<string> {
  const key = deadKey(id);
  const letter = await deps.store.get(key).catch((error: unknown) => {
    throw isCoded(error, "object_not_found")
      ? new CodedError("dead_letter_unknown", FaultKind.NotFound, `there is no dead letter ${id}: \`brazier dead list\` shows them`)
      : error;
  });
  // In memory of its own: the columns are views, which start at multiples of their size.
  const built = buildSegmentFromMessages([new Uint8Array(readDeadLetter(letter).message)]);
  const [rejected] = built.rejected;
  if (rejected !== undefined) throw faultFromRecord(rejected.fault);
  if (built.bytes === undefined || built.directory === undefined) {
    throw new CodedError("dead_letter_empty", FaultKind.Corrupt, `the message of dead letter ${id} holds no samples`);
  }
  const object = { bytes: built.bytes, directory: built.directory };
  const published = await new Publication({ batch: { stream: "", messages: [] }, object, dead: [] }, deps).attempt();
  // No sequences, so nobody can overtake it.
  const segment = published.kind === "published" ? published.key : undefined;
  await deps.store.delete(key);
  return segment ?? "";
}

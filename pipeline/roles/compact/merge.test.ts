import { describe, expect, it } from "vitest";
import { testQueuedProfile } from "../../profile/testing/test-queued-profile.ts";
import { buildSegment } from "../segment/build.ts";
import { mergeDatasets } from "./merge.ts";

describe("merging datasets", () => {
  it("names the object that is damaged", async () => {
    const [good, bad] = [1, 2].map((idSeed) => buildSegment([testQueuedProfile({ idSeed, stacks: [`main;f${idSeed} 1`] })]));
    const damaged = bad!.bytes.map((byte, at) => (at === 20 ? byte ^ 1 : byte));
    const objects = new Map([
      ["segments/good", good!.bytes],
      ["segments/bad", damaged],
    ]);
    const inputs = [
      { key: "segments/good", dataset: good!.directory.datasets[0]!, dropped: [] },
      { key: "segments/bad", dataset: bad!.directory.datasets[0]!, dropped: [] },
    ];
    const merging = mergeDatasets({ level: 1, inputs, objectBytesMax: 1_000_000 }, async (key, offset, size) =>
      objects.get(key)!.slice(offset, offset + size),
    );
    await expect(merging.next()).rejects.toMatchObject({
      code: "block_checksum_mismatch",
      kind: "corrupt",
      facts: { key: "segments/bad" },
    });
  });
});

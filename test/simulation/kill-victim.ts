import { writeSync } from "node:fs";
import { systemClock } from "../../pipeline/base/clock.ts";
import { silentLog } from "../../pipeline/base/log.ts";
import { createRegistry } from "../../pipeline/base/metrics.ts";
import { systemRandom } from "../../pipeline/base/random.ts";
import { openCatalog } from "../../pipeline/catalog/bucket-catalog.ts";
import { openDirectoryStore } from "../../pipeline/objects/directory.ts";
import { encodeQueuedProfile } from "../../pipeline/profile/queued-profile-codec.ts";
import { testQueuedProfile } from "../../pipeline/profile/testing/test-queued-profile.ts";
import { MemoryQueue } from "../../pipeline/queue/memory.ts";
import { startCompactRole } from "../../pipeline/roles/compact/compact.ts";
import { mergeDatasets } from "../../pipeline/roles/compact/merge.ts";
import { buildSegmentFromMessages } from "../../pipeline/roles/segment/build.ts";
import { startSegmentRole } from "../../pipeline/roles/segment/segment.ts";

/*
 * A process to be killed: stores profiles in a directory as fast as it can, compacting and checkpointing all the time, and prints the number of each
 * one that was acknowledged. Arguments: the directory, and the number to begin with.
 */
const [path = "", first = "0"] = process.argv.slice(2);
const [clock, random, log] = [systemClock, systemRandom, silentLog];
const store = await openDirectoryStore({ path });
const catalog = await openCatalog({ store, clock, random, exclusive: true, checkpointEvery: 5 });
const queue = new MemoryQueue({ clock });
const parts = { store, catalog, queue, clock, random, log, registry: createRegistry() };
startSegmentRole({ ...parts, build: async (messages) => buildSegmentFromMessages(messages), limits: { idleMs: 1 } });
startCompactRole({
  ...parts,
  merge: (request) => mergeDatasets(request, (key, offset, size) => store.getRange(key, offset, size)),
  retentionMs: () => 0,
  exclusive: true,
  intervalMs: 5,
  retiredGraceMs: 20,
  limits: { segmentAgeMs: 50, segmentsMax: 5 },
});

let next = Number(first);
async function sendForEver(): Promise<void> {
  for (;;) {
    const number = next++;
    const profile = testQueuedProfile({
      idSeed: number,
      timeNs: 1_700_000_000_000_000_000n + BigInt(number),
      stacks: [`main;f${number % 7} 1`],
    });
    await queue.publish(number % 4, { id: `${number}`, bytes: encodeQueuedProfile(profile) });
    writeSync(1, `${number}\n`);
  }
}
await Promise.all([sendForEver(), sendForEver(), sendForEver(), sendForEver()]);

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { completeLock, type Lock } from "./tidy/lock.ts";
import { ROOT } from "./tidy/repository.ts";

/* `node hack/lock.ts` after adding a library: names the platforms that npm left out of the lock (see tidy/lock.ts). */

const path = join(ROOT, "package-lock.json");
const lock = JSON.parse(readFileSync(path, "utf8")) as Lock;
const { lock: complete, added } = completeLock(lock);
if (added.length > 0) writeFileSync(path, `${JSON.stringify(complete, null, 2)}\n`);
console.log(added.length === 0 ? "the lock names every platform" : `added ${added.join(", ")}`);

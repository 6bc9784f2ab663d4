import { describeObjectStore } from "./conformance.ts";
import { MemoryStore } from "./memory.ts";

describeObjectStore("memory", async () => new MemoryStore());

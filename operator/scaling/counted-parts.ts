import { COMPACT } from "./compact.ts";
import type { CountedPart } from "./counted-part.ts";
import { SEGMENT } from "./segment.ts";

/** All parts whose pods the operator may count. */
export const COUNTED_PARTS: readonly CountedPart[] = [SEGMENT, COMPACT];

import { z } from "zod";
import type { AnyKey, ValuesOf } from "./key.ts";

type FlatKeys = { readonly [name: string]: AnyKey };

/** Takes some of the keys, none by default, and no others. */
export function partialOf<Keys extends FlatKeys>(keys: Keys): z.ZodType<Partial<ValuesOf<Keys>>> {
  const shape: Record<string, z.ZodType> = {};
  for (const [name, key] of Object.entries(keys)) shape[name] = key.schema.optional();
  return z.strictObject(shape) as unknown as z.ZodType<Partial<ValuesOf<Keys>>>;
}

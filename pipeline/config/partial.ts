import { z } from "zod";
import type { AnyKey, ValuesOf } from "./key.ts";

type FlatKeys = { readonly [name: string]: AnyKey };

/** Takes some of the keys, none by default, and no others but `more`. */
export function partialOf<Keys extends FlatKeys, More extends z.ZodRawShape = Record<never, never>>(
  keys: Keys,
  more?: More,
): z.ZodType<Partial<ValuesOf<Keys>> & z.infer<z.ZodObject<More>>> {
  const shape: Record<string, z.ZodType> = { ...(more as Record<string, z.ZodType> | undefined) };
  for (const [name, key] of Object.entries(keys)) shape[name] = key.schema.optional();
  return z.strictObject(shape) as unknown as z.ZodType<Partial<ValuesOf<Keys>> & z.infer<z.ZodObject<More>>>;
}

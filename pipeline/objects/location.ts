import type { S3Settings } from "./s3-settings.ts";

/** Where a bucket is and how to reach it: plain data, so that threads can be told. */
export type StoreLocation =
  | { readonly kind: "directory"; readonly path: string; readonly fsync?: boolean; readonly shared?: boolean }
  | {
      readonly kind: "s3";
      readonly settings: S3Settings /** Where requests are counted, see `s3-tally.ts`. */;
      readonly tally?: SharedArrayBuffer;
    };

import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { isCoded } from "../../base/errors.ts";
import { statedBytes, uncompressed } from "./uncompressed.ts";

const TEXT = Buffer.from("profile ".repeat(1000));

describe("uncompressed", () => {
  it("gives gzip's content and leaves other bytes alone", () => {
    expect(Buffer.from(uncompressed(gzipSync(TEXT), 0)).equals(TEXT)).toBe(true);
    expect(uncompressed(TEXT, 0)).toBe(TEXT);
    expect(Buffer.from(uncompressed(Buffer.concat([gzipSync(TEXT), gzipSync(TEXT)]), 0)).length).toBe(16_000);
  });

  it("takes exactly the allowed bytes, and no byte more", () => {
    for (const body of [TEXT, gzipSync(TEXT)]) {
      expect(uncompressed(body, 8000)).toHaveLength(8000);
      expect(faultCode(() => uncompressed(body, 7999))).toBe("profile_size_limit");
    }
  });

  it("stops a bomb at the limit, whatever size it states", () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    bomb.writeUInt32LE(10, bomb.length - 4);
    expect(statedBytes(bomb)).toBe(10);
    expect(faultCode(() => uncompressed(bomb, 1024 * 1024))).toBe("profile_size_limit");
  });

  it("refuses a broken stream", () => {
    const body = gzipSync(TEXT);
    expect(faultCode(() => uncompressed(body.subarray(0, body.length - 9), 0))).toBe("malformed_profile");
    body[20] = body[20]! ^ 0xff;
    expect(faultCode(() => uncompressed(body, 0))).toBe("malformed_profile");
    expect(faultCode(() => uncompressed(Uint8Array.of(0x1f, 0x8b), 0))).toBe("malformed_profile");
  });
});

function faultCode(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (isCoded(error)) return error.code;
    throw error;
  }
  return "no fault";
}

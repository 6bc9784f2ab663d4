import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ProfileSchema } from "../api/gen/google/v1/profile_pb.ts";
import { functionRows } from "./top.ts";

describe("functions of a profile", () => {
  const profile = create(ProfileSchema, {
    stringTable: ["", "main", "work", "/bin/app"],
    function: [
      { id: 1n, name: 1n },
      { id: 2n, name: 2n },
    ],
    mapping: [{ id: 1n, filename: 3n }],
    location: [
      { id: 1n, line: [{ functionId: 1n }] },
      // work was inlined into itself.
      { id: 2n, line: [{ functionId: 2n }, { functionId: 2n }] },
      { id: 3n, mappingId: 1n, address: 0x40n },
    ],
    sample: [
      { locationId: [2n, 1n], value: [3n] },
      { locationId: [2n, 2n, 1n], value: [4n] },
      { locationId: [3n, 1n], value: [5n] },
      { locationId: [1n], value: [1n] },
    ],
  });

  it("counts a function once per stacktrace in its cumulative value, and by its leaf in its own", () => {
    const { total, rows } = functionRows(profile);
    expect(total).toBe(13);
    expect(new Map(rows.map(({ name, flat, cum }) => [name, [flat, cum]]))).toEqual(
      new Map([
        ["main", [1, 13]],
        ["work", [7, 7]],
        ["app!0x40", [5, 5]],
      ]),
    );
  });
});

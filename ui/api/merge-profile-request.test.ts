import { fromBinary } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { SelectMergeProfileRequestSchema } from "../../pipeline/api/gen/querier/v1/querier_pb.ts";
import { encodeMergeProfile } from "./merge-profile-request.ts";

it("encodes a SelectMergeProfileRequest that the generated code reads back", () => {
  const bytes = encodeMergeProfile({
    profileTypeId: "process_cpu:cpu:nanoseconds:cpu:nanoseconds",
    selector: '{service_name="grüße"}',
    range: { startMs: 1_795_389_300_000, endMs: 1_795_389_600_000.5 },
  });
  expect(fromBinary(SelectMergeProfileRequestSchema, bytes)).toMatchObject({
    profileTypeID: "process_cpu:cpu:nanoseconds:cpu:nanoseconds",
    labelSelector: '{service_name="grüße"}',
    start: 1_795_389_300_000n,
    end: 1_795_389_600_001n,
  });
});

import type { LabelSet } from "../../profile/labels.ts";
import type { ProfileKind } from "../../profile/profile-type.ts";

/** The labels of a service's series that the catalog knows, besides those that follow from a sample type. */
export function catalogLabels(service: string, kind: ProfileKind): LabelSet {
  return [
    { name: "__name__", value: kind.name },
    { name: "__service_name__", value: service },
    { name: "service_name", value: service },
  ];
}

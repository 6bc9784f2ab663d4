import type { DatasetEntry } from "../../block/directory.ts";
import type { LabelSet } from "../../profile/labels.ts";
import { type ProfileKind, profileTypeId } from "../../profile/profile-type.ts";
import { type CompiledMatcher, matchesAll } from "./matcher.ts";

/** Labels of a series that follow from its profile type. */
export function typeLabels(kind: ProfileKind, sampleType: number): Readonly<Record<string, string>> {
  const { type, unit } = kind.sampleTypes[sampleType]!;
  return {
    __profile_type__: profileTypeId(kind, sampleType),
    __type__: type,
    __unit__: unit,
    __period_type__: kind.periodType.type,
    __period_unit__: kind.periodType.unit,
  };
}

/** Whether a series of a profile type matches. */
export function seriesMatches(matchers: readonly CompiledMatcher[], labels: LabelSet, derived: Readonly<Record<string, string>>): boolean {
  return matchesAll(matchers, (name) => derived[name] ?? labels.find((label) => label.name === name)?.value);
}

/** A profile type as a dataset has it. */
export type TypeInDataset = { readonly kindIndex: number; readonly sampleType: number };

/** Where a dataset has the profile type, be all its values 0: a row without a value may still be the one of two duplicates that is kept. */
export function findType(entry: DatasetEntry, profileTypeIdWanted: string): readonly TypeInDataset[] {
  const found: TypeInDataset[] = [];
  entry.kinds.forEach(({ kind }, kindIndex) => {
    // Ids start with the kind's name: most kinds are dismissed without building one.
    if (!profileTypeIdWanted.startsWith(kind.name)) return;
    for (let sampleType = 0; sampleType < kind.sampleTypes.length; sampleType++) {
      if (profileTypeId(kind, sampleType) === profileTypeIdWanted) found.push({ kindIndex, sampleType });
    }
  });
  return found;
}

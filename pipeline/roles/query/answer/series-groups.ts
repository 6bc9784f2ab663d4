import { type Label, type LabelSet, labelSetKey, labelValue } from "../../../profile/labels.ts";

/** Rows of a selection by the labels they are grouped by: groupOfSeries[i] is the group of series i. */
export type SeriesGroups = { readonly groups: readonly LabelSet[]; readonly groupOfSeries: Int32Array };

/** Groups series by some labels; a label that a series lacks is left out. Without names all series are one group without labels. */
export function groupSeries(series: readonly LabelSet[], groupBy: readonly string[]): SeriesGroups {
  const groups: LabelSet[] = [];
  const byKey = new Map<string, number>();
  const groupOfSeries = Int32Array.from(series, (labels) => {
    const projected = projectLabels(labels, groupBy);
    const key = labelSetKey(projected);
    let group = byKey.get(key);
    if (group === undefined) {
      group = groups.length;
      groups.push(projected);
      byKey.set(key, group);
    }
    return group;
  });
  return { groups, groupOfSeries };
}

/** The labels of the given names, in the order of the set. */
export function projectLabels(labels: LabelSet, names: readonly string[]): LabelSet {
  return labels.filter((label) => names.includes(label.name));
}

/** Labels of a series beyond those of its group. */
export function remainingLabels(labels: LabelSet, group: LabelSet): LabelSet {
  return labels.filter((label) => labelValue(group, label.name) === undefined);
}

/** The labels that both sets have with the same value. */
export function commonLabels(a: LabelSet, b: LabelSet): LabelSet {
  return a.filter((label: Label) => labelValue(b, label.name) === label.value);
}

/** Bytewise enough for label sets: name by name, value by value, the shorter set first. */
export function compareLabelSets(a: LabelSet, b: LabelSet): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const left = a[i] as Label;
    const right = b[i] as Label;
    if (left.name !== right.name) return left.name < right.name ? -1 : 1;
    if (left.value !== right.value) return left.value < right.value ? -1 : 1;
  }
  return a.length - b.length;
}

/** Index of the bucket a time falls in: bucket k ends at startMs + k * stepMs and begins behind the end of the one before. -1: in none. */
export function bucketIndex(timeMs: number, startMs: number, endMs: number, stepMs: number): number {
  const index = Math.ceil((timeMs - startMs) / stepMs);
  return index < 0 || startMs + index * stepMs > endMs ? -1 : index;
}

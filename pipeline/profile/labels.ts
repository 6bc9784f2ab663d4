/** One label of a series or of a sample. */
export type Label = { readonly name: string; readonly value: string };
/** Sorted by name (UTF-16 order), each name once. */
export type LabelSet = readonly Label[];

export function sortLabels(labels: Iterable<Label>): LabelSet {
  return [...labels].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

export function labelValue(labels: LabelSet, name: string): string | undefined {
  return labels.find((label) => label.name === name)?.value;
}

/** One string for one label set: equal sets give equal keys. NUL cannot be in a label name or value (admit refuses it). */
export function labelSetKey(labels: LabelSet): string {
  let key = "";
  for (const { name, value } of labels) key += `${name}\0${value}\0`;
  return key;
}

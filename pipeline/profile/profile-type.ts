/** What a value of a sample counts, and in which unit. */
export type ValueType = { readonly type: string; readonly unit: string };

/**
 * What kind of profile this is: its metric name (`__name__`), what a period counts, and its sample types.
 * Each sample type of a kind is a profile type of its own in the query API.
 */
export type ProfileKind = {
  readonly name: string;
  readonly periodType: ValueType;
  readonly sampleTypes: readonly ValueType[];
};

/** `<__name__>:<sample type>:<sample unit>:<period type>:<period unit>` */
export function profileTypeId(kind: ProfileKind, sampleTypeIndex: number): string {
  const sample = kind.sampleTypes[sampleTypeIndex];
  if (sample === undefined) throw new RangeError(`profile kind ${kind.name} has no sample type ${sampleTypeIndex}`);
  return `${kind.name}:${sample.type}:${sample.unit}:${kind.periodType.type}:${kind.periodType.unit}`;
}

/** Equal kinds give equal keys. */
export function profileKindKey(kind: ProfileKind): string {
  return [kind.name, kind.periodType.type, kind.periodType.unit, ...kind.sampleTypes.flatMap((t) => [t.type, t.unit])].join("\0");
}

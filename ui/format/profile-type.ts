/** A profile type as its id spells it: `name:sample type:sample unit:period type:period unit`. */
export interface ProfileType {
  readonly id: string;
  readonly name: string;
  readonly sampleType: string;
  readonly sampleUnit: string;
  readonly periodType: string;
  readonly periodUnit: string;
}

export function parseProfileType(id: string): ProfileType {
  const [name = "", sampleType = "", sampleUnit = "", periodType = "", periodUnit = ""] = id.split(":");
  return { id, name, sampleType, sampleUnit, periodType, periodUnit };
}

/** What the picker calls a type. Unknown types are named by what their id says, never hidden. */
export function titleOf(type: ProfileType): string {
  const known = TITLES[`${type.name}:${type.sampleType}`];
  if (known !== undefined) return known;
  const what = type.sampleType.replaceAll("_", " ");
  return type.name === type.sampleType ? what : `${what} (${type.name.replaceAll("_", " ")})`;
}

/** The heading a type is listed under. */
export function familyOf(type: ProfileType): string {
  return FAMILIES[type.name] ?? type.name.replaceAll("_", " ");
}

/**
 * True when a value is a state at one moment (memory in use, goroutines) rather than an amount gathered over time.
 * Sums of states over time mean nothing, so the timeline asks for their average.
 */
export function isSnapshot(type: ProfileType): boolean {
  return /^(inuse_|live$|goroutines?$|threads?$|heap_)/.test(type.sampleType) || /^goroutines?$/.test(type.name);
}

/** The type shown first for a service that has several: CPU, then whatever costs most people most. */
export function preferredType(ids: readonly string[]): string | undefined {
  for (const prefix of PREFERENCE) {
    const found = ids.find((id) => id.startsWith(prefix));
    if (found !== undefined) return found;
  }
  return ids[0];
}

const PREFERENCE = ["process_cpu:cpu:", "process_cpu:", "wall:wall:", "wall:", "memory:alloc_space:", "memory:inuse_space:"] as const;

const TITLES: Readonly<Record<string, string>> = {
  "process_cpu:cpu": "CPU time",
  "process_cpu:samples": "CPU samples",
  "process_cpu:alloc_samples": "Allocations",
  "process_cpu:alloc_size": "Allocated bytes",
  "process_cpu:exception": "Exceptions",
  "process_cpu:lock_count": "Lock contentions",
  "process_cpu:lock_time": "Lock wait time",
  "wall:wall": "Wall time",
  "wall:samples": "Wall samples",
  "memory:alloc_objects": "Allocated objects",
  "memory:alloc_space": "Allocated bytes",
  "memory:inuse_objects": "Objects in use",
  "memory:inuse_space": "Bytes in use",
  "memory:alloc_in_new_tlab_bytes": "Allocated bytes (in TLAB)",
  "memory:alloc_in_new_tlab_objects": "Allocated objects (in TLAB)",
  "memory:alloc_outside_tlab_bytes": "Allocated bytes (outside TLAB)",
  "memory:alloc_outside_tlab_objects": "Allocated objects (outside TLAB)",
  "memory:live": "Live objects",
  "mutex:contentions": "Mutex contentions",
  "mutex:delay": "Mutex wait time",
  "block:contentions": "Block contentions",
  "block:delay": "Block wait time",
  "goroutine:goroutine": "Goroutines",
  "goroutines:goroutine": "Goroutines",
  "off_cpu:off_cpu": "Off-CPU time",
  "offcpu:offcpu": "Off-CPU time",
};

const FAMILIES: Readonly<Record<string, string>> = {
  process_cpu: "CPU",
  wall: "Wall clock",
  memory: "Memory",
  mutex: "Mutex",
  block: "Block",
  goroutine: "Goroutines",
  goroutines: "Goroutines",
  off_cpu: "Off-CPU",
};

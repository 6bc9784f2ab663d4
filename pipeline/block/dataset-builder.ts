import { assert } from "../base/assert.ts";
import { atOnce, type Steps } from "../base/steps.ts";
import { type LabelSet, labelSetKey } from "../profile/labels.ts";
import { type ProfileKind, profileKindKey } from "../profile/profile-type.ts";
import type { QueuedProfile } from "../profile/queued-profile.ts";
import { type Arena, FRESH_MEMORY } from "../symbols/arena.ts";
import { type SymbolSizes, SymbolTable } from "../symbols/symbol-table.ts";
import type { Symbols } from "../symbols/symbols.ts";
import type { DecodedDataset } from "./dataset-reader.ts";
import { idWords, KindBuilder, type KindColumns } from "./kind-builder.ts";
import type { ProfileColumns } from "./section/profiles.ts";
import type { StackValues } from "./section/stack-values.ts";

/** A dataset in columns, sorted and without duplicates: what the writer turns into sections. */
export type DatasetColumns = {
  readonly tenant: string;
  readonly service: string;
  readonly series: readonly LabelSet[];
  readonly symbols: Symbols;
  readonly kinds: readonly { readonly kind: ProfileKind; readonly columns: KindColumns }[];
};

/**
 * Collects what one service of one tenant gets in one object: from queued profiles (segments) or from the datasets of
 * other objects (blocks).
 */
export class DatasetBuilder {
  readonly tenant: string;
  readonly service: string;
  readonly #arena: Arena;
  readonly #scratch: Arena;
  readonly #sizes: SymbolSizes | undefined;
  /** Made when something has to be interned. */
  #table: SymbolTable | undefined;
  /** The symbols of the only profile there is. */
  #adopted: Symbols | undefined;
  readonly #series: LabelSet[] = [];
  readonly #seriesIds = new Map<string, number>();
  readonly #kinds = new Map<string, { kind: ProfileKind; builder: KindBuilder }>();

  /**
   * With an arena, what {@link finish} gives is valid until the arena is released. scratch: for what is needed while something is added; it may be released
   * between two additions.
   */
  constructor(
    tenant: string,
    service: string,
    memory: { readonly sizes?: SymbolSizes; readonly arena?: Arena; readonly scratch?: Arena } = {},
  ) {
    this.#arena = memory.arena ?? FRESH_MEMORY;
    this.#scratch = memory.scratch ?? FRESH_MEMORY;
    this.#sizes = memory.sizes;
    this.tenant = tenant;
    this.service = service;
  }

  seriesId(labels: LabelSet): number {
    const key = labelSetKey(labels);
    const known = this.#seriesIds.get(key);
    if (known !== undefined) return known;
    this.#seriesIds.set(key, this.#series.length);
    return this.#series.push(labels) - 1;
  }

  kind(kind: ProfileKind): KindBuilder {
    const key = profileKindKey(kind);
    const known = this.#kinds.get(key);
    if (known !== undefined) return known.builder;
    const builder = new KindBuilder(kind.sampleTypes.length, this.#arena);
    this.#kinds.set(key, { kind, builder });
    return builder;
  }

  /** Announces rows that will be added, so that memory is taken once and not by doubling; then {@link allocate}. */
  expect(kind: ProfileKind, sampleRows: number): void {
    this.kind(kind).expect(sampleRows);
  }

  allocate(): void {
    for (const { builder } of this.#kinds.values()) builder.allocate();
  }

  addProfile(profile: QueuedProfile): void {
    this.#addSamples(profile, this.#symbols.addSymbols(profile, undefined, this.#scratch));
  }

  /**
   * Adds the only profile of a dataset, whose symbols are taken as they are: there is nothing to compare them with. With few
   * senders many a dataset of a segment holds one profile. What its sender had twice is there twice until the first compaction.
   */
  addOnlyProfile(profile: QueuedProfile): void {
    assert(this.#adopted === undefined && this.#table === undefined, "the only profile is added to nothing");
    this.#adopted = profile;
    this.#addSamples(profile, undefined);
  }

  get #symbols(): SymbolTable {
    assert(this.#adopted === undefined, "nothing is added to the only profile");
    return (this.#table ??= new SymbolTable(this.#sizes, this.#arena));
  }

  #addSamples(profile: QueuedProfile, stacks: Uint32Array | undefined): void {
    const series = profile.series.map((labels) => this.seriesId(labels));
    this.kind(profile.kind).addProfile(profile, stacks, series);
  }

  /** Adds another object's dataset, without the rows at times (ns since 1970) that `keep` refuses. In steps; nothing else may be added before the last one. */
  *addingDataset(dataset: DecodedDataset, keep?: (timeNs: bigint) => boolean): Steps<void> {
    const kinds = dataset.kinds.map((from) => ({ ...from, rows: keep === undefined ? undefined : keptRows(from.profiles, keep) }));
    const partial = kinds.some(({ profiles, rows }) => rows !== undefined && rows.count < profiles.count);
    const used = partial ? usedStacks(dataset.symbols, kinds) : undefined;
    const stacks = yield* this.#symbols.addingSymbols(dataset.symbols, used, this.#scratch);
    const series = new Int32Array(dataset.series.length).fill(-1);
    for (const { kind, profiles, samples, rows } of kinds) {
      if (rows?.count === 0) continue;
      const builder = this.kind(kind);
      const newRows = this.#scratch.zeros(profiles.count);
      const ids = idWords(profiles.ids);
      for (let row = 0; row < profiles.count; row++) {
        if (rows !== undefined && rows.kept[row] === 0) continue;
        const from = profiles.series[row]!;
        if (series[from]! < 0) series[from] = this.seriesId(dataset.series[from]!);
        newRows[row] =
          builder.addRow(
            series[from]!,
            profiles.timeMs[row]!,
            profiles.timeNs[row]!,
            profiles.durationNs[row]!,
            profiles.period[row]!,
            ids,
            row,
          ) + 1;
      }
      builder.addSamples(samples, newRows, stacks, this.#scratch);
      yield;
    }
  }

  /** Undefined when nothing is left: every row was a duplicate or was taken out. */
  finish(): DatasetColumns | undefined {
    return atOnce(this.finishing());
  }

  /** The same in steps. */
  *finishing(): Steps<DatasetColumns | undefined> {
    const kinds: { kind: ProfileKind; columns: KindColumns }[] = [];
    for (const { kind, builder } of this.#kinds.values()) {
      const columns = yield* builder.finishing();
      if (columns.profiles.count > 0) kinds.push({ kind, columns });
    }
    if (kinds.length === 0) return undefined;
    return { tenant: this.tenant, service: this.service, series: this.#series, symbols: this.#adopted ?? this.#symbols.view(), kinds };
  }
}

type KeptRows = { readonly kept: Uint8Array; readonly count: number };

function keptRows(profiles: ProfileColumns, keep: (timeNs: bigint) => boolean): KeptRows {
  const kept = new Uint8Array(profiles.count);
  let count = 0;
  for (let row = 0; row < profiles.count; row++) {
    if (!keep(BigInt(profiles.timeMs[row]!) * 1_000_000n + BigInt(profiles.timeNs[row]!))) continue;
    kept[row] = 1;
    count++;
  }
  return { kept, count };
}

/** Marks the stacks that a kept row has a value for: the others' symbols are not worth keeping. */
function usedStacks(
  symbols: Symbols,
  kinds: readonly { readonly samples: StackValues; readonly rows: KeptRows | undefined }[],
): Uint8Array {
  const used = new Uint8Array(symbols.nodes.parent.length + 1);
  for (const { samples, rows } of kinds) {
    let at = 0;
    for (let run = 0; run < samples.runEnds.length; run++) {
      for (const end = samples.runEnds[run]!; at < end; at++) {
        if (rows === undefined || rows.kept[samples.row[at]!] !== 0) used[samples.stacks[run]!] = 1;
      }
    }
  }
  return used;
}

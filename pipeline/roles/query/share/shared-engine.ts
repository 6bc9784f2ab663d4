import { isCoded } from "../../../base/errors.ts";
import { lookAhead } from "../../../base/look-ahead.ts";
import { inSteps } from "../../../base/steps.ts";
import type { TenantId } from "../../../base/units.ts";
import type { CatalogState } from "../../../catalog/catalog.ts";
import type { BlockEngine } from "../engine.ts";
import type {
  Engine,
  Scope,
  Selection,
  SeriesOfKind,
  ServiceOfKind,
  StackSelection,
  StoredRange,
  TypedSelection,
} from "../engine-interface.ts";
import type { FlameTree } from "../flame-tree.ts";
import type { MergedStacks } from "../merged-stacks.ts";
import { type PlannedDataset, planDatasets } from "../plan.ts";
import type { ProfileRows, SpanRows } from "../profile-rows.ts";
import { decodeAnswer } from "./answer-codec.ts";
import { type Answers, callEngine, type EngineCall, type Method } from "./engine-call.ts";
import { mergeAnswers } from "./merge-answers.ts";
import { decodePartAnswer, encodePart, type Part, stateOf } from "./part.ts";
import { bytesToRead, overlappingDatasets, type PlanPart, packParts } from "./split.ts";

/** Asks some peer to answer a part. Errors: any; see {@link SharedEngine}. */
export type AskPeer = (part: Uint8Array) => Promise<Uint8Array>;

export type SharedEngineParts = {
  readonly state: CatalogState;
  readonly local: BlockEngine;
  readonly askPeer: AskPeer;
  /** Calls that read less stay here. */
  readonly shareAboveBytes: number;
};

/** A call that is worth sharing is cut into this many parts at least, of the threshold's size at most. */
const PARTS_MIN = 4;
/** Parts of one call that peers work on at once. */
const PARTS_AT_ONCE = 16;

/**
 * Answers large calls together with peers: cuts the plan into parts by the bytes they read, lets peers answer them, and merges.
 *
 * What no peer answers (lost, busy, of another release) is answered here, so a peer's end costs time and never an error. What a peer finds
 * wrong with the call or with the bytes in the bucket would be wrong here, too, and is passed on.
 */
export class SharedEngine implements Engine {
  readonly #parts: SharedEngineParts;

  constructor(parts: SharedEngineParts) {
    this.#parts = parts;
  }

  tree(selection: TypedSelection, stacks: StackSelection): Promise<FlameTree> {
    return this.#share({ method: "tree", selection, stacks });
  }

  stacks(selection: TypedSelection, stacks: StackSelection): Promise<MergedStacks> {
    return this.#share({ method: "stacks", selection, stacks });
  }

  rows(selection: TypedSelection, stacks: StackSelection): Promise<ProfileRows> {
    return this.#share({ method: "rows", selection, stacks });
  }

  spanRows(selection: TypedSelection, stacks: StackSelection): Promise<SpanRows> {
    return this.#share({ method: "spanRows", selection, stacks });
  }

  series(selection: Selection): Promise<readonly SeriesOfKind[]> {
    return this.#share({ method: "series", selection });
  }

  services(selection: Selection): Promise<readonly ServiceOfKind[]> {
    return this.#share({ method: "services", selection });
  }

  labelNames(selection: Selection): Promise<ReadonlySet<string>> {
    return this.#share({ method: "labelNames", selection });
  }

  scope(selection: Selection): Promise<Scope> {
    return this.#parts.local.scope(selection);
  }

  stored(tenant: TenantId): Promise<StoredRange | undefined> {
    return this.#parts.local.stored(tenant);
  }

  step(): Promise<void> | undefined {
    return this.#parts.local.step();
  }

  async #share<M extends Method>(call: EngineCall<M>): Promise<Answers[M]> {
    const { state, local, shareAboveBytes } = this.#parts;
    const sizes = new Map<PlannedDataset, number>();
    let bytes = 0;
    for (const planned of planDatasets(state, call.selection)) {
      const size = bytesToRead(call, planned);
      sizes.set(planned, size);
      bytes += size;
    }
    if (bytes < shareAboveBytes) return callEngine(local, call);
    local.checkDatasets(sizes.size);
    const partBytes = Math.ceil(Math.min(shareAboveBytes, bytes / PARTS_MIN));
    const bytesOf = (planned: PlannedDataset): number => sizes.get(planned)!;
    const { distinct, rest } = await this.#partable(call, [...sizes.keys()], partBytes, bytesOf);
    const parts = [
      ...packParts(distinct, partBytes, bytesOf).map((part) => ({ ...part, isDistinct: true })),
      ...packParts(rest, partBytes, bytesOf).map((part) => ({ ...part, isDistinct: false })),
    ];
    if (parts.length < 2) return callEngine(local, call);
    const answers: Answers[M][] = [];
    const ahead = { countMax: PARTS_AT_ONCE, weightMax: Number.POSITIVE_INFINITY, weightOf: () => 1 };
    for await (const answer of lookAhead(parts, ahead, (part) => this.#answer(call, part))) answers.push(answer);
    await local.step();
    return inSteps(mergeAnswers(call.method as M, answers), local);
  }

  /**
   * Groups larger than a part are cut where no row is in two of their datasets, which is nearly always so and is found out once; `rest` are the groups that
   * stay whole.
   */
  async #partable(
    call: EngineCall,
    plan: readonly PlannedDataset[],
    partBytes: number,
    bytesOf: (planned: PlannedDataset) => number,
  ): Promise<{ readonly distinct: readonly PlannedDataset[][]; readonly rest: readonly (readonly PlannedDataset[])[] }> {
    const distinct: PlannedDataset[][] = [];
    const rest: (readonly PlannedDataset[])[] = [];
    const type = "stacks" in call ? call.selection.profileTypeId : undefined;
    for (const group of overlappingDatasets(plan)) {
      const size = group.reduce((sum, planned) => sum + bytesOf(planned), 0);
      if (group.length === 1 || (size > partBytes && (await this.#parts.local.areDistinct(group, type)))) {
        for (const planned of group) distinct.push([planned]);
      } else {
        rest.push(group);
      }
    }
    return { distinct, rest };
  }

  async #answer<M extends Method>(
    call: EngineCall<M>,
    { datasets, isDistinct }: PlanPart & { readonly isDistinct: boolean },
  ): Promise<Answers[M]> {
    const { state, local } = this.#parts;
    const part: Part = { call: call as EngineCall, state: stateOf(datasets, state.tombstones), isDistinct, bytesMax: local.bytesLeft };
    const answered = await this.#askPeer(call, encodePart(part));
    if (answered !== undefined) return answered;
    await local.step();
    return callEngine(local.over(part.state, { isDistinct }), call);
  }

  /** Undefined when no peer gave an answer that can be read. */
  async #askPeer<M extends Method>(call: EngineCall<M>, part: Uint8Array): Promise<Answers[M] | undefined> {
    let bytes: Uint8Array;
    try {
      bytes = await this.#parts.askPeer(part);
    } catch (error) {
      if (isCoded(error) && FINAL.has(error.kind)) throw error;
      return undefined;
    }
    const found = decodePartAnswer(bytes);
    if (found === undefined) return undefined;
    this.#parts.local.charge(found.bytesRead);
    return decodeAnswer(call.method as M, found.answer);
  }
}

/** Kinds of faults that answering again would not cure. */
const FINAL: ReadonlySet<string> = new Set(["invalid", "denied", "too_large", "corrupt", "unimplemented"]);

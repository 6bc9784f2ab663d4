import type { DecodedProfile } from "../../profile/decoded-profile.ts";
import type { QueuedProfile } from "../../profile/queued-profile.ts";
import { CallTree } from "../../symbols/call-tree.ts";
import type { StackExtensions } from "./go-truncated-stacks.ts";
import { type CanonicalLocations, DROPPED } from "./normalize-locations.ts";
import { scratchArena, scratchWords, scratchZeros } from "./scratch.ts";

/** Of the frames of all stacks about a quarter are new nodes. */
const FRAMES_PER_NODE = 4;
const DEPTH_START = 256;

/**
 * The stacks of a profile as one tree of locations, and numbers for the locations in the order of their first use. What it gives is of the
 * thread's scratch.
 *
 * A stack shares its callers with the one before more often than not: what is the same from the root on is not looked up again.
 */
export class StackTree {
  readonly #profile: DecodedProfile;
  readonly #representative: Uint32Array;
  readonly #extensions: StackExtensions | undefined;
  /** By location as sent: its new number + 1, 0 while it has none. */
  readonly #numbers: Uint32Array;
  /** By representative: the same. */
  readonly #representativeNumbers: Uint32Array;
  readonly #usedLocations: Uint32Array;
  #used = 0;
  readonly #tree: CallTree;
  /** The stack that was added last, from the root: locations as sent, and their nodes. */
  #path = scratchWords(DEPTH_START);
  #pathNode = scratchWords(DEPTH_START);
  #pathDepth = 0;

  constructor(profile: DecodedProfile, locations: CanonicalLocations, extensions: StackExtensions | undefined) {
    this.#profile = profile;
    this.#representative = locations.representative;
    this.#extensions = extensions;
    const locationCount = profile.locations.count;
    this.#numbers = scratchZeros(locationCount);
    this.#representativeNumbers = scratchZeros(locationCount);
    this.#usedLocations = scratchWords(locationCount);
    let frames = 0;
    for (let sample = 0; sample < profile.samples.count; sample++) frames += profile.samples.locationCount[sample] as number;
    this.#tree = new CallTree(frames / FRAMES_PER_NODE, scratchArena);
  }

  /** Representative locations in the order of their first use: their new numbers. */
  get usedLocations(): Uint32Array {
    return this.#usedLocations.subarray(0, this.#used);
  }

  get nodes(): QueuedProfile["nodes"] {
    const { parent, label, count } = this.#tree;
    return { parent: parent.subarray(1, count), location: label.subarray(1, count) };
  }

  /** The leaf node of the sample's stack, or DROPPED when it uses a location that is not there. */
  add(sample: number): number {
    const { locationStart, locationCount, location } = this.#profile.samples;
    const start = locationStart[sample] as number;
    const own = locationCount[sample] as number;
    const more = this.#extensions === undefined ? 0 : (this.#extensions.count[sample] as number);
    const depth = own + more;
    if (depth > this.#path.length) this.#deepen(depth);
    const path = this.#path;
    const pathNode = this.#pathNode;
    // From the root: what completes a cut stack, then its own frames, the outermost first.
    const extensionEnd = more === 0 ? 0 : (this.#extensions?.start[sample] as number) + more - 1;
    const ownEnd = start + own - 1 + more;
    let at = 0;
    for (const shared = Math.min(depth, this.#pathDepth); at < shared; at++) {
      if (path[at] !== location[at < more ? extensionEnd - at : ownEnd - at]) break;
    }
    const node = at === 0 ? 0 : (pathNode[at - 1] as number);
    const known = at;
    const usedBefore = this.#used;
    for (; at < depth; at++) {
      const sent = location[at < more ? extensionEnd - at : ownEnd - at] as number;
      path[at] = sent;
      let number = this.#numbers[sent] as number;
      // Not above 0: no number yet, or (undefined) no such location.
      if (!(number > 0)) {
        number = this.#numberOf(sent);
        if (number === 0) {
          this.#takeBack(known, at, usedBefore);
          return DROPPED;
        }
      }
      pathNode[at] = number - 1;
    }
    // All of them are there, so now the tree may grow.
    this.#pathDepth = depth;
    return this.#tree.descend(node, pathNode, known, depth);
  }

  #numberOf(location: number): number {
    if (location >= this.#numbers.length) return 0;
    const representative = this.#representative[location] as number;
    if (representative === DROPPED) return 0;
    let number = this.#representativeNumbers[representative] as number;
    if (number === 0) {
      this.#usedLocations[this.#used++] = representative;
      number = this.#used;
      this.#representativeNumbers[representative] = number;
    }
    this.#numbers[location] = number;
    return number;
  }

  /** Undoes what a sample added that turned out to be of no use: no location may stay that nothing uses. */
  #takeBack(from: number, end: number, usedBefore: number): void {
    for (let at = from; at < end; at++) {
      const sent = this.#path[at] as number;
      if ((this.#numbers[sent] as number) > usedBefore) this.#numbers[sent] = 0;
    }
    while (this.#used > usedBefore) this.#representativeNumbers[this.#usedLocations[--this.#used] as number] = 0;
    this.#pathDepth = from;
  }

  #deepen(depth: number): void {
    this.#path = scratchWords(depth * 2);
    this.#pathNode = scratchWords(depth * 2);
    this.#pathDepth = 0;
  }
}

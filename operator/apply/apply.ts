import { type CodedError, isCoded } from "../../pipeline/base/errors.ts";
import { FIELD_MANAGER } from "../desired/names.ts";
import type { Cluster } from "../kube/cluster.ts";
import { hashOf } from "../kube/hash.ts";
import { OWNED_KINDS, resourceOf } from "../kube/kinds.ts";
import { idOf, type KubeObject, kindId } from "../kube/object.ts";
import type { Outcome } from "./outcome.ts";

/** What was applied, and how the object looked right afterwards. */
type Applied = { readonly desired: string; readonly seen: string };

/** What this process remembers of its own writes, so that a settled stack needs none. Losing it costs one round of identical applies. */
export class AppliedObjects {
  readonly #known = new Map<string, Applied>();

  isSettled(object: KubeObject, present: KubeObject | undefined): boolean {
    const known = this.#known.get(keyOf(object));
    return known !== undefined && present !== undefined && known.desired === hashOf(object) && known.seen === fingerprint(present);
  }

  remember(object: KubeObject, result: KubeObject): void {
    this.#known.set(keyOf(object), { desired: hashOf(object), seen: fingerprint(result) });
  }

  forget(object: KubeObject): void {
    this.#known.delete(keyOf(object));
  }
}

/** An object made anew under an old name is another one. */
function keyOf(object: KubeObject): string {
  return `${idOf(object)} ${object.metadata.ownerReferences?.[0]?.uid ?? ""}`;
}

/** Changes when anybody changes what we may have set; a status is nobody's business here. */
function fingerprint({ metadata, kind }: KubeObject): string {
  // Kinds whose generation is never counted change their version only when they are written.
  const version = metadata.generation !== undefined && kind !== "HorizontalPodAutoscaler" ? metadata.generation : metadata.resourceVersion;
  return hashOf([metadata.uid, version, metadata.labels, metadata.annotations]);
}

export type ApplyOptions = {
  readonly desired: readonly KubeObject[];
  readonly owned: readonly KubeObject[];
  /** Who must own an object for it to be removed. */
  readonly ownerUid: string;
  readonly applied: AppliedObjects;
};

/** The only writes of a reconciliation, in the order of `desired`, and then the removal of what is desired no longer. */
export async function apply({ desired, owned, ownerUid, applied }: ApplyOptions, cluster: Cluster): Promise<Outcome> {
  const present = new Map(owned.map((object) => [idOf(object), object]));
  const changed: string[] = [];
  const replaced: string[] = [];
  const errors: CodedError[] = [];
  for (const object of desired) {
    if (applied.isSettled(object, present.get(idOf(object)))) continue;
    try {
      const before = present.get(idOf(object))?.metadata.resourceVersion;
      const result = await cluster.apply(object, { manager: FIELD_MANAGER });
      applied.remember(object, result);
      if (result.metadata.resourceVersion !== before) changed.push(idOf(object));
    } catch (error) {
      if (!isCoded(error)) throw error;
      // Its kind has just been removed from the cluster, and with it everything of that kind; whoever looks at the kinds will see.
      if (error.code === "cluster_not_found" && resourceOf(object).optional) continue;
      if (error.code !== "cluster_immutable") errors.push(error);
      else {
        // A field that cannot change: the object goes, and the next round makes it anew. Pods of a StatefulSet stay and are taken over.
        applied.forget(object);
        await cluster.remove(object, object.kind === "StatefulSet" ? "Orphan" : "Background");
        replaced.push(idOf(object));
      }
    }
  }
  // With a fault above, what looks superfluous may still be needed.
  const removed = errors.length === 0 ? await prune(desired, owned, ownerUid, cluster) : [];
  if (errors.length > 0) return { kind: "failed", errors };
  return { kind: "applied", changed, replaced, removed, restarting: false };
}

async function prune(
  desired: readonly KubeObject[],
  owned: readonly KubeObject[],
  ownerUid: string,
  cluster: Cluster,
): Promise<readonly string[]> {
  const wanted = new Set(desired.map(idOf));
  const ours = new Set(OWNED_KINDS.map(kindId));
  const superfluous = owned.filter(
    (object) =>
      ours.has(kindId(object)) &&
      !wanted.has(idOf(object)) &&
      object.metadata.deletionTimestamp === undefined &&
      isOwnedBy(object, ownerUid),
  );
  for (const object of superfluous) await cluster.remove(object, "Background");
  return superfluous.map(idOf);
}

/** Labels alone prove nothing: claims of a StatefulSet carry ours and belong to it. What has no namespace has only labels. */
function isOwnedBy({ metadata }: KubeObject, uid: string): boolean {
  if (metadata.namespace === undefined) return true;
  return metadata.ownerReferences?.some((owner) => owner.controller === true && owner.uid === uid) === true;
}

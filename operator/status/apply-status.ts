import { isDeepStrictEqual } from "node:util";
import { isCoded } from "../../pipeline/base/errors.ts";
import { API_VERSION } from "../desired/names.ts";
import type { Cluster } from "../kube/cluster.ts";
import type { Metadata } from "../kube/object.ts";

const MANAGER = "brazier-operator-status";

/** One write, and none when nothing is new. Tells whether it wrote; an object that was deleted meanwhile has no status to write. */
export async function applyStatus(
  { kind, metadata, status: before }: { readonly kind: string; readonly metadata: Metadata; readonly status?: unknown },
  status: unknown,
  cluster: Cluster,
): Promise<boolean> {
  if (isDeepStrictEqual(before, JSON.parse(JSON.stringify(status)))) return false;
  const { name, namespace } = metadata;
  const object = { apiVersion: API_VERSION, kind, metadata: { name, ...(namespace === undefined ? {} : { namespace }) }, status };
  try {
    await cluster.apply(object, { manager: MANAGER, subresource: "status" });
    return true;
  } catch (error) {
    if (isCoded(error, "cluster_not_found")) return false;
    throw error;
  }
}

import { isCoded } from "../../../base/errors.ts";
import type { TenantId } from "../../../base/units.ts";
import type { Ingest } from "../ingest-door.ts";

/** Waits for a body, and has one that is too large counted among the discarded: its profiles never reach the role. */
export async function takeBody(ingest: Ingest, tenant: TenantId, bytesMax: number, body: Promise<Buffer>): Promise<Buffer> {
  try {
    return await body;
  } catch (error) {
    if (isCoded(error, "body_too_large")) ingest.bodyRefused(tenant, bytesMax);
    throw error;
  }
}

import type { Running } from "./base/lifecycle.ts";
import { ANONYMOUS_TENANT, checkedTenantId } from "./http/tenant-header.ts";
import type { Parts } from "./parts.ts";
import type { Ingest } from "./roles/ingest/ingest-door.ts";

export type ProfileSelfOptions = { readonly ingest: Ingest | undefined; readonly roles: readonly string[]; readonly version: string };

/**
 * Profiles this process as `self_profile` of the configuration says; its code is loaded only then. Without a target elsewhere, a process
 * without the ingest role has no place for them.
 * Errors: `tenant_invalid`, `self_profile_ca_unreadable` (invalid).
 */
export async function profileSelf(
  { config, clock, registry, log }: Pick<Parts, "config" | "clock" | "registry" | "log">,
  { ingest, roles, version }: ProfileSelfOptions,
): Promise<Running | undefined> {
  const { enabled, interval, url, tenant, token_file, ca_file } = config.self_profile;
  if (!enabled || (url === "" && ingest === undefined)) return undefined;
  const { ownTarget, remoteTarget } = await import("./self-profile/target.ts");
  const { startSelfProfile } = await import("./self-profile/self-profile.ts");
  const target =
    url === "" && ingest !== undefined
      ? ownTarget(ingest, tenant === "" ? ANONYMOUS_TENANT : checkedTenantId(tenant))
      : remoteTarget({ url, tenant, tokenFile: token_file, caFile: ca_file });
  return startSelfProfile({ target, clock, log: log.child({ part: "self-profile" }), registry, intervalMs: interval, roles, version });
}

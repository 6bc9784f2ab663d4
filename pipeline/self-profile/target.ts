import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { PusherService } from "../api/gen/push/v1/push_pb.ts";
import { CodedError, FaultKind } from "../base/errors.ts";
import type { TenantId } from "../base/units.ts";
import { TENANT_HEADER } from "../http/tenant-header.ts";
import type { Ingest, PushSeries } from "../roles/ingest/ingest-door.ts";

/** Where profiles of this process go. */
export type ProfileTarget = (series: readonly PushSeries[]) => Promise<void>;

/** Through the ordinary door of this process. */
export function ownTarget(ingest: Ingest, tenant: TenantId): ProfileTarget {
  return (series) => ingest.push(tenant, series);
}

export type RemoteOptions = {
  readonly url: string;
  /** Each of these is empty for none. */
  readonly tenant: string;
  readonly tokenFile: string;
  readonly caFile: string;
};

const PUSH_WITHIN_MS = 10_000;

/** Another Brazier or Pyroscope. Errors: `self_profile_ca_unreadable` (invalid) here; `self_profile_refused` (unavailable) of a push. */
export function remoteTarget({ url, tenant, tokenFile, caFile }: RemoteOptions): ProfileTarget {
  const transport = createConnectTransport({
    baseUrl: url,
    httpVersion: "1.1",
    useBinaryFormat: true,
    ...(caFile === "" ? {} : { nodeOptions: { ca: readAuthorities(caFile) } }),
  });
  const pusher = createClient(PusherService, transport);
  return async (series) => {
    try {
      const headers = new Headers();
      if (tenant !== "") headers.set(TENANT_HEADER, tenant);
      // Read anew: tokens are renewed in their file.
      if (tokenFile !== "") headers.set("authorization", `Bearer ${(await readFile(tokenFile, "utf8")).trim()}`);
      const request = series.map(({ labels, samples }) => ({
        labels: labels.map(({ name, value }) => ({ name, value })),
        samples: samples.map(({ raw, id }) => ({ rawProfile: raw as Uint8Array<ArrayBuffer>, ID: id })),
      }));
      await pusher.push({ series: request }, { headers, timeoutMs: PUSH_WITHIN_MS });
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new CodedError("self_profile_refused", FaultKind.Unavailable, `${url} did not take the profiles of this process: ${reason}`, {
        cause,
      });
    }
  };
}

function readAuthorities(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const message = `cannot read self_profile.ca_file ${path}: ${(cause as Error).message}`;
    throw new CodedError("self_profile_ca_unreadable", FaultKind.Invalid, message, { cause });
  }
}

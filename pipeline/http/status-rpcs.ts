import type { DescService } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { AdHocProfileService } from "../api/gen/adhocprofiles/v1/adhocprofiles_pb.ts";
import { FeatureFlagsService } from "../api/gen/capabilities/v1/feature_flags_pb.ts";
import { DebuginfoService } from "../api/gen/debuginfo/v1alpha1/debuginfo_pb.ts";
import { RecordingRulesService } from "../api/gen/settings/v1/recording_rules_pb.ts";
import { SettingsService } from "../api/gen/settings/v1/setting_pb.ts";
import { VCSService } from "../api/gen/vcs/v1/vcs_pb.ts";
import { Version } from "../api/gen/version/v1/version_pb.ts";
import type { ConnectRoutes } from "./app.ts";

/** Clients look for the 501 that says "this server does not have it", and then hide the feature. */
const UNBUILT: readonly DescService[] = [SettingsService, RecordingRulesService, VCSService, AdHocProfileService];

/** The version of the query API that this server speaks; Pyroscope's clients know 1. */
const QUERIER_API = 1n;

export type FeatureFlag = { readonly name: string; readonly enabled: boolean; readonly description: string };

/** What a client can find out about this server: version and abilities; and services it probes that are not built. */
export function statusRpcs(flags: readonly FeatureFlag[]): ConnectRoutes {
  const sorted = flags.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return (router) => {
    router.service(Version, { version: () => ({ QuerierAPI: QUERIER_API }) });
    router.service(FeatureFlagsService, { getFeatureFlags: () => ({ featureFlags: sorted.map((flag) => ({ ...flag })) }) });
    for (const service of UNBUILT) router.service(service, {});
    router.service(DebuginfoService, {
      // An agent asks before it sends: "no" keeps it from sending binaries that nobody would read.
      shouldInitiateUpload: () => ({ shouldInitiateUpload: false, reason: "this server takes no debug information yet" }),
      uploadFinished: () => {
        throw new ConnectError("this server takes no debug information yet", Code.Unimplemented);
      },
    });
  };
}

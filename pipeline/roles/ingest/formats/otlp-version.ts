import { malformed } from "./otlp-wire.ts";

/** How newer collectors say which state of the profiles protocol they speak, in HTTP headers and gRPC metadata alike. */
export const OTLP_VERSION_HEADER = "otlp-profiles-development-version";

/** The only state that this reader knows; senders that say nothing speak it. */
const VERSION = "1";

/**
 * Refuses a request in a state of the protocol that would be misread, before its body is looked at.
 * Takes the header as it came: null or undefined when absent, several values joined by a comma (which no version matches).
 * Errors: `malformed_profile`.
 */
export function checkOtlpVersion(header: string | readonly string[] | null | undefined): void {
  if (header === null || header === undefined || header === VERSION) return;
  throw malformed(
    `${OTLP_VERSION_HEADER} is ${JSON.stringify(header)}, and this server speaks ${VERSION}: upgrade it, or send that version`,
  );
}

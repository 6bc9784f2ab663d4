import { readFileSync } from "node:fs";
import { CodedError, FaultKind } from "../base/errors.ts";

export type TlsFlags = {
  readonly caFile?: string;
  readonly cert?: string;
  readonly key?: string;
  /**
   * The server's own host name where the way to it is a tunnel. Who made the tunnel knows whose end it is, so that the certificate is looked at
   * only when there is an authority to hold it against.
   */
  readonly tunnelTo?: string;
};

/** For Node's clients: whom to trust instead of the system's authorities, and what to show to a server that asks. */
export type ClientTls = {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
};

/** Errors: `file_unreadable`, `flag_invalid` (invalid). */
export function clientTls({ caFile, cert, key, tunnelTo }: TlsFlags): ClientTls {
  if ((cert === undefined) !== (key === undefined)) {
    throw new CodedError("flag_invalid", FaultKind.Invalid, "--cert and --key belong together: give both or none");
  }
  return {
    ...(caFile === undefined ? {} : { ca: read("--ca-file", caFile) }),
    ...(cert === undefined ? {} : { cert: read("--cert", cert) }),
    ...(key === undefined ? {} : { key: read("--key", key) }),
    ...(tunnelTo === undefined ? {} : { servername: tunnelTo, rejectUnauthorized: caFile !== undefined }),
  };
}

function read(flag: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new CodedError("file_unreadable", FaultKind.Invalid, `cannot read ${flag} ${file}: ${(cause as Error).message}`, { cause });
  }
}

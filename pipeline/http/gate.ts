import type { IncomingHttpHeaders } from "node:http";
import { CodedError, FaultKind } from "../base/errors.ts";
import { type AuthMode, grantOf } from "./authenticate.ts";

/** Who may ask what belongs to no tenant. Without tokens everybody may: the network, or what is in front, decides. */
export interface Gate {
  /** Anybody with a valid token. Errors: `credentials_missing`, `credentials_unknown` (unauthenticated). */
  known(headers: IncomingHttpHeaders): void;
  /** Who runs this process: it tells about every tenant. Errors: as above, and `operate_denied` (denied). */
  operator(headers: IncomingHttpHeaders): void;
}

export const OPEN_GATE: Gate = { known: () => {}, operator: () => {} };

export function createGate(mode: AuthMode): Gate {
  if (mode.kind !== "tokens") return OPEN_GATE;
  const { grants } = mode;
  return {
    known: (headers) => void grantOf(headers.authorization, grants()),
    operator: (headers) => {
      if (grantOf(headers.authorization, grants()).mayOperate) return;
      throw new CodedError("operate_denied", FaultKind.Denied, "this token may not see the process itself: use one with the right operate");
    },
  };
}

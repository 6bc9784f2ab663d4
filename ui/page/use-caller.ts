import { useEffect, useMemo, useState } from "react";
import type { Caller } from "../api/connect.ts";
import type { Navigate } from "../state/use-view.ts";
import type { View } from "../state/view.ts";

const TENANT_KEY = "brazier.tenant";
const TOKEN_KEY = "brazier.token";

/**
 * Who asks. The tenant is part of the address, because a link without it shows something else, and is remembered for the
 * next visit; the token is a secret and never leaves this tab.
 */
export function useCaller(view: View, navigate: Navigate): [Caller, (caller: Caller) => void] {
  const [token, setToken] = useState(() => sessionStorage.getItem(TOKEN_KEY) ?? "");
  useEffect(() => {
    const remembered = localStorage.getItem(TENANT_KEY) ?? "";
    if (view.tenant === "" && remembered !== "") navigate({ tenant: remembered }, "replace");
    // Once, on arrival.
  }, []);
  const caller = useMemo(() => ({ tenant: view.tenant, token }), [view.tenant, token]);
  const change = (next: Caller): void => {
    if (next.tenant === "") localStorage.removeItem(TENANT_KEY);
    else localStorage.setItem(TENANT_KEY, next.tenant);
    sessionStorage.setItem(TOKEN_KEY, next.token);
    setToken(next.token);
    navigate({ tenant: next.tenant });
  };
  return [caller, change];
}

import { type ReactNode, useState } from "react";
import type { Caller } from "../api/connect.ts";
import { KeyIcon } from "./icons.tsx";
import { Menu } from "./menu.tsx";

/** Who asks: the tenant (kept in the address) and a token (kept for this tab only). */
export function CallerMenu({ caller, onCaller }: { caller: Caller; onCaller: (caller: Caller) => void }): ReactNode {
  return (
    <Menu
      title="Tenant and access"
      align="right"
      label={
        <>
          <KeyIcon />
          {caller.tenant !== "" && <span className="caller-tenant">{caller.tenant}</span>}
        </>
      }
    >
      {(close) => (
        <CallerForm
          caller={caller}
          onCaller={(next) => {
            onCaller(next);
            close();
          }}
        />
      )}
    </Menu>
  );
}

export function CallerForm({ caller, onCaller }: { caller: Caller; onCaller: (caller: Caller) => void }): ReactNode {
  const [tenant, setTenant] = useState(caller.tenant);
  const [token, setToken] = useState(caller.token);
  return (
    <form
      className="caller-form"
      onSubmit={(event) => {
        event.preventDefault();
        onCaller({ tenant: tenant.trim(), token: token.trim() });
      }}
    >
      <label>
        Tenant <span className="dim">(X-Scope-OrgID, several joined by |)</span>
        <input
          value={tenant}
          spellCheck={false}
          autoComplete="off"
          placeholder="anonymous"
          onChange={(event) => setTenant(event.target.value)}
        />
      </label>
      <label>
        Access token <span className="dim">(kept for this tab)</span>
        <input type="password" value={token} autoComplete="off" onChange={(event) => setToken(event.target.value)} />
      </label>
      <button type="submit" className="control is-primary">
        Use
      </button>
    </form>
  );
}

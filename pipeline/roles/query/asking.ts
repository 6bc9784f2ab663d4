import type { TenantId } from "../../base/units.ts";

/** Who asks, and until when somebody waits: `signal` is aborted when the client has gone or its own deadline is over. */
export type Asking = { readonly tenants: readonly TenantId[]; readonly signal: AbortSignal };

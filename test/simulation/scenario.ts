/* Who pushes, and from when on: known to the world and to its auditor. */

export const TENANTS = ["acme", "globex"] as const;
export const SERVICES = ["shop", "cart", "search"] as const;

export const START_MS = 1_700_000_000_000;

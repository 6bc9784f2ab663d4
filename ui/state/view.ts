import type { TimeWord } from "./time-range.ts";

/**
 * Everything the page shows follows from this value, and this value is the address: a link reproduces what its sender
 * saw, and the back button undoes the last step. Defaults are left out of the address.
 */
export interface View {
  readonly service: string;
  readonly type: string;
  /** Matchers beyond the service, as PromQL spells them without the braces: `namespace="prod",pod=~"a.*"`. */
  readonly filter: string;
  readonly from: TimeWord;
  readonly until: TimeWord;
  readonly groupBy: string;
  readonly top: number;
  readonly refreshSeconds: number;
  /** `""`, `previous`, or an offset such as `1d`: the window the shown one is compared with. */
  readonly compare: string;
  readonly search: string;
  /** Path hash of the frame the flame graph is zoomed to, `""` for all; see flame/flame-graph.ts. */
  readonly zoom: string;
  /** Function whose callers and callees are shown, `""` for the whole graph. */
  readonly focus: string;
  readonly show: "both" | "flame" | "table";
  readonly sort: SortKey;
  readonly descending: boolean;
  readonly maxNodes: number;
  readonly tenant: string;
}

export type SortKey = "name" | "self" | "total" | "selfChange" | "totalChange";

export const DEFAULT_VIEW: View = {
  service: "",
  type: "",
  filter: "",
  from: "now-15m",
  until: "now",
  groupBy: "",
  top: 10,
  refreshSeconds: 0,
  compare: "",
  search: "",
  zoom: "",
  focus: "",
  show: "both",
  sort: "self",
  descending: true,
  maxNodes: 16_384,
  tenant: "",
};

const SORT_KEYS: readonly SortKey[] = ["name", "self", "total", "selfChange", "totalChange"];
const SHOWS: readonly View["show"][] = ["both", "flame", "table"];
/** The server's own ceiling for one flame graph. */
export const MAX_NODES_CEILING = 1 << 20;

export function viewFromAddress(search: string): View {
  const params = new URLSearchParams(search);
  const text = (key: string, fallback: string): string => params.get(key) ?? fallback;
  const whole = (key: string, fallback: number, from: number, to: number): number => {
    const value = Number(params.get(key) ?? Number.NaN);
    return Number.isInteger(value) && value >= from && value <= to ? value : fallback;
  };
  const show = params.get("show") as View["show"];
  const sort = params.get("sort") as SortKey;
  return {
    service: text("service", ""),
    type: text("type", ""),
    filter: text("filter", ""),
    from: text("from", DEFAULT_VIEW.from),
    until: text("until", DEFAULT_VIEW.until),
    groupBy: text("by", ""),
    top: whole("top", DEFAULT_VIEW.top, 1, 50),
    refreshSeconds: whole("refresh", 0, 0, 3_600),
    compare: text("compare", ""),
    search: text("search", ""),
    zoom: text("zoom", ""),
    focus: text("focus", ""),
    show: SHOWS.includes(show) ? show : DEFAULT_VIEW.show,
    sort: SORT_KEYS.includes(sort) ? sort : DEFAULT_VIEW.sort,
    descending: params.get("order") !== "asc",
    maxNodes: whole("nodes", DEFAULT_VIEW.maxNodes, 1, MAX_NODES_CEILING),
    tenant: text("tenant", ""),
  };
}

/** The address of a view: `""` or `?…`, keys always in the same order so that equal views have equal links. */
export function addressOfView(view: View): string {
  const params = new URLSearchParams();
  const put = (key: string, value: string | number, fallback: string | number): void => {
    if (value !== fallback) params.set(key, String(value));
  };
  put("service", view.service, "");
  put("type", view.type, "");
  put("filter", view.filter, "");
  put("from", view.from, DEFAULT_VIEW.from);
  put("until", view.until, DEFAULT_VIEW.until);
  put("by", view.groupBy, "");
  put("top", view.top, DEFAULT_VIEW.top);
  put("refresh", view.refreshSeconds, 0);
  put("compare", view.compare, "");
  put("search", view.search, "");
  put("zoom", view.zoom, "");
  put("focus", view.focus, "");
  put("show", view.show, DEFAULT_VIEW.show);
  put("sort", view.sort, DEFAULT_VIEW.sort);
  put("order", view.descending ? "desc" : "asc", "desc");
  put("nodes", view.maxNodes, DEFAULT_VIEW.maxNodes);
  put("tenant", view.tenant, "");
  const text = params.toString();
  return text === "" ? "" : `?${text}`;
}

/**
 * The view after a change. Asking another question (service, type) lets go of what was pointed at in the old answer:
 * a zoom or a focused function of one service means nothing in the next.
 */
export function changeView(view: View, change: Partial<View>): View {
  const next = { ...view, ...change };
  const asksElse = next.service !== view.service || next.type !== view.type;
  if (!asksElse) return next;
  return {
    ...next,
    zoom: change.zoom ?? "",
    focus: change.focus ?? "",
    search: change.search ?? "",
    maxNodes: change.maxNodes ?? DEFAULT_VIEW.maxNodes,
  };
}

import { useCallback, useSyncExternalStore } from "react";
import { addressOfView, changeView, type View, viewFromAddress } from "./view.ts";

export type Navigate = (change: Partial<View>, how?: "step" | "replace") => void;

let cached: { address: string; view: View } | undefined;

/**
 * The view on show, and the way to another one. A "step" can be undone with the back button; "replace" is for what
 * changes while typing or on its own.
 */
export function useView(): [View, Navigate] {
  const view = useSyncExternalStore(subscribe, currentView);
  const navigate = useCallback<Navigate>((change, how = "step") => {
    const before = currentView();
    const address = addressOfView(changeView(before, change));
    if (address === addressOfView(before)) return;
    const url = `${location.pathname}${address}`;
    if (how === "step") history.pushState(null, "", url);
    else history.replaceState(null, "", url);
    for (const listener of listeners) listener();
  }, []);
  return [view, navigate];
}

const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    removeEventListener("popstate", listener);
  };
}

function currentView(): View {
  if (cached?.address !== location.search) cached = { address: location.search, view: viewFromAddress(location.search) };
  return cached.view;
}

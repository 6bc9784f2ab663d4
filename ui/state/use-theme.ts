import { useEffect, useState } from "react";
import type { Theme } from "../flame/colour.ts";

export type ThemeChoice = Theme | "system";

const KEY = "brazier.theme";
const prefersLight = matchMedia("(prefers-color-scheme: light)");

/** The theme on show, what was chosen, and the way to choose. "system" follows the machine's own setting. */
export function useTheme(): [Theme, ThemeChoice, (choice: ThemeChoice) => void] {
  const [choice, setChoice] = useState<ThemeChoice>(() => (localStorage.getItem(KEY) as ThemeChoice | null) ?? "system");
  const [systemIsLight, setSystemIsLight] = useState(prefersLight.matches);
  useEffect(() => {
    const follow = (): void => setSystemIsLight(prefersLight.matches);
    prefersLight.addEventListener("change", follow);
    return () => prefersLight.removeEventListener("change", follow);
  }, []);
  const theme: Theme = choice === "system" ? (systemIsLight ? "light" : "dark") : choice;
  // Before anything is drawn: canvases read their colours from the document.
  document.documentElement.dataset["theme"] = theme;
  const choose = (next: ThemeChoice): void => {
    if (next === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
    setChoice(next);
  };
  return [theme, choice, choose];
}

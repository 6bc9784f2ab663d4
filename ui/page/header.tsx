import type { ReactNode } from "react";
import type { Caller } from "../api/connect.ts";
import type { Theme } from "../flame/colour.ts";
import type { TimeRange } from "../state/time-range.ts";
import type { ThemeChoice } from "../state/use-theme.ts";
import type { Navigate } from "../state/use-view.ts";
import type { View } from "../state/view.ts";
import { CallerMenu } from "./caller-menu.tsx";
import { BrazierMark, ListIcon, MoonIcon, SunIcon } from "./icons.tsx";
import { TimeControls } from "./time-controls.tsx";

export interface HeaderProps {
  readonly view: View;
  readonly range: TimeRange;
  readonly nowMs: number;
  readonly navigate: Navigate;
  readonly onRefresh: () => void;
  readonly isLoading: boolean;
  readonly caller: Caller;
  readonly onCaller: (caller: Caller) => void;
  readonly theme: Theme;
  readonly themeChoice: ThemeChoice;
  readonly onTheme: (choice: ThemeChoice) => void;
  readonly onList: () => void;
}

export function Header(props: HeaderProps): ReactNode {
  const { view, theme, themeChoice } = props;
  const other: Theme = theme === "dark" ? "light" : "dark";
  return (
    <header className="header">
      <a
        className="brand"
        href="./"
        aria-label="Brazier, all services"
        onClick={(event) => {
          if (event.ctrlKey || event.metaKey) return;
          event.preventDefault();
          props.navigate({ service: "", filter: "", groupBy: "", search: "", zoom: "", focus: "" });
        }}
      >
        <BrazierMark />
        <span>Brazier</span>
      </a>
      <button type="button" className="control list-button" onClick={props.onList}>
        <ListIcon />
        <span className="hidden">Choose a service: </span>
        {view.service === "" ? "All services" : view.service}
      </button>
      <h1 className="header-service">{view.service === "" ? "All services" : view.service}</h1>
      <TimeControls
        view={view}
        range={props.range}
        nowMs={props.nowMs}
        navigate={props.navigate}
        onRefresh={props.onRefresh}
        isLoading={props.isLoading}
      />
      <div className="header-end">
        <CallerMenu caller={props.caller} onCaller={props.onCaller} />
        {/* Going back to what the machine prefers is the same as choosing nothing. */}
        <button
          type="button"
          className="control"
          title={`Theme: ${themeChoice}. Switch to ${other}`}
          aria-label={`Switch to ${other} theme`}
          onClick={() => props.onTheme(themeChoice === "system" || preferred() !== other ? other : "system")}
        >
          {theme === "dark" ? <SunIcon /> : <MoonIcon />}
        </button>
      </div>
    </header>
  );
}

function preferred(): Theme {
  return matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
}

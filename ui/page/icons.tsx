import type { ReactNode } from "react";

/** Sixteen-pixel line icons; each decorates a control that has a name of its own. */
function Icon({ children }: { children: ReactNode }): ReactNode {
  return (
    <svg
      className="icon"
      viewBox="0 0 16 16"
      width="16"
      height="16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.4"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      {children}
    </svg>
  );
}

export function ClockIcon(): ReactNode {
  return (
    <Icon>
      <circle cx="8" cy="8" r="5.8" />
      <path d="M8 4.8V8l2.2 1.4" />
    </Icon>
  );
}
export function RefreshIcon(): ReactNode {
  return (
    <Icon>
      <path d="M13.5 8A5.5 5.5 0 1 1 11.7 3.9" />
      <path d="M13.7 2v2.8h-2.8" />
    </Icon>
  );
}
export function SearchIcon(): ReactNode {
  return (
    <Icon>
      <circle cx="7" cy="7" r="4.3" />
      <path d="m10.3 10.3 3.4 3.4" />
    </Icon>
  );
}
export function SunIcon(): ReactNode {
  return (
    <Icon>
      <circle cx="8" cy="8" r="2.8" />
      <path d="M8 1.5v1.4M8 13.1v1.4M1.5 8h1.4M13.1 8h1.4M3.4 3.4l1 1M11.6 11.6l1 1M12.6 3.4l-1 1M4.4 11.6l-1 1" />
    </Icon>
  );
}
export function MoonIcon(): ReactNode {
  return (
    <Icon>
      <path d="M13.3 9.7A5.7 5.7 0 0 1 6.3 2.7a5.7 5.7 0 1 0 7 7Z" />
    </Icon>
  );
}
export function CloseIcon(): ReactNode {
  return (
    <Icon>
      <path d="m4 4 8 8M12 4l-8 8" />
    </Icon>
  );
}
export function DownloadIcon(): ReactNode {
  return (
    <Icon>
      <path d="M8 2.5v7.5M4.8 7.2 8 10.2l3.2-3M3 13.3h10" />
    </Icon>
  );
}
export function LeftIcon(): ReactNode {
  return (
    <Icon>
      <path d="M10 3.5 5.5 8l4.5 4.5" />
    </Icon>
  );
}
export function RightIcon(): ReactNode {
  return (
    <Icon>
      <path d="M6 3.5 10.5 8 6 12.5" />
    </Icon>
  );
}
export function WidenIcon(): ReactNode {
  return (
    <Icon>
      <circle cx="7" cy="7" r="4.3" />
      <path d="m10.3 10.3 3.4 3.4M5.2 7h3.6" />
    </Icon>
  );
}
export function KeyIcon(): ReactNode {
  return (
    <Icon>
      <circle cx="5" cy="10.5" r="2.7" />
      <path d="m7 8.5 6-6M10.5 5l2 2" />
    </Icon>
  );
}
export function ListIcon(): ReactNode {
  return (
    <Icon>
      <path d="M2.5 4h11M2.5 8h11M2.5 12h11" />
    </Icon>
  );
}

/** The mark: a bowl of embers. */
export function BrazierMark(): ReactNode {
  return (
    <svg className="mark" viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
      <path
        className="mark-flame"
        d="M12 1.5c.6 3.2 4.9 4.8 4.9 9.1a4.9 4.9 0 0 1-9.8 0c0-1.9.9-3.2 1.9-4.3.2 1.3.8 2 1.5 2.3C10.3 6 10.8 3.5 12 1.5Z"
      />
      <path className="mark-bowl" d="M3.5 14h17l-2.3 4.2H5.8Zm3.8 4.9-1.5 3.6h1.8l1.3-3.6Zm9.4 0 1.5 3.6h-1.8l-1.3-3.6Z" />
    </svg>
  );
}

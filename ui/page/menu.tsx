import { type ReactNode, useEffect, useId, useRef, useState } from "react";

/** A button that opens a panel below it. Escape or a click elsewhere closes it and gives the focus back. */
export function Menu(props: {
  label: ReactNode;
  title: string;
  className?: string;
  align?: "left" | "right";
  children: (close: () => void) => ReactNode;
}): ReactNode {
  const [isOpen, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const panelId = useId();
  const close = (): void => {
    setOpen(false);
    button.current?.focus();
  };
  useEffect(() => {
    if (!isOpen) return undefined;
    const onPointer = (event: PointerEvent): void => {
      if (root.current?.contains(event.target as Node) === false) setOpen(false);
    };
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== "Escape") return;
      setOpen(false);
      button.current?.focus();
    };
    addEventListener("pointerdown", onPointer);
    addEventListener("keydown", onKey);
    return () => {
      removeEventListener("pointerdown", onPointer);
      removeEventListener("keydown", onKey);
    };
  }, [isOpen]);
  return (
    <div className={`menu ${props.className ?? ""}`} ref={root}>
      <button
        type="button"
        ref={button}
        className="control"
        title={props.title}
        aria-expanded={isOpen}
        aria-controls={panelId}
        onClick={() => setOpen(!isOpen)}
      >
        <span className="hidden">{props.title}: </span>
        {props.label}
      </button>
      {isOpen && (
        <div className={`panel panel-${props.align ?? "left"}`} id={panelId} role="dialog" aria-label={props.title}>
          {props.children(close)}
        </div>
      )}
    </div>
  );
}

/** A list of actions at a point: what a right click on a frame opens. */
export function PointMenu(props: {
  at: { x: number; y: number };
  title: string;
  actions: readonly { title: string; run: () => void }[];
  onClose: () => void;
}): ReactNode {
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    root.current?.querySelector("button")?.focus();
    const onPointer = (event: PointerEvent): void => {
      if (root.current?.contains(event.target as Node) === false) props.onClose();
    };
    addEventListener("pointerdown", onPointer);
    addEventListener("resize", props.onClose);
    return () => {
      removeEventListener("pointerdown", onPointer);
      removeEventListener("resize", props.onClose);
    };
  });
  const move = (step: number): void => {
    const buttons = [...(root.current?.querySelectorAll("button") ?? [])];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    buttons[(at + step + buttons.length) % buttons.length]?.focus();
  };
  return (
    <div
      className="point-menu"
      ref={root}
      role="menu"
      aria-label={props.title}
      style={{ left: Math.min(props.at.x, innerWidth - 230), top: Math.min(props.at.y, innerHeight - 40 - 30 * props.actions.length) }}
      onKeyDown={(event) => {
        if (event.key === "Escape") props.onClose();
        else if (event.key === "ArrowDown") move(1);
        else if (event.key === "ArrowUp") move(-1);
        else return;
        event.preventDefault();
        event.stopPropagation();
      }}
    >
      <div className="point-menu-title">{props.title}</div>
      {props.actions.map(({ title, run }) => (
        <button
          type="button"
          role="menuitem"
          key={title}
          onClick={() => {
            props.onClose();
            run();
          }}
        >
          {title}
        </button>
      ))}
    </div>
  );
}

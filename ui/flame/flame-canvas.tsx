import { type KeyboardEvent, type MouseEvent, type ReactNode, useEffect, useLayoutEffect, useRef, useState } from "react";
import { useSize } from "../state/use-size.ts";
import type { Theme } from "./colour.ts";
import { type FlameGraph, nameOf } from "./flame-graph.ts";
import { FrameFacts, frameSentence } from "./frame-facts.tsx";
import { frameAt, levelsInside, type Step, stepFrom, type Window, windowOf } from "./layout.ts";
import { type Ink, paint, ROW_PX, type Scene, sceneHeight } from "./paint.ts";

export interface FlameCanvasProps {
  readonly label: string;
  readonly graph: FlameGraph;
  /** The graph that percentages refer to: itself, or the whole one when this is a part of it. */
  readonly whole: FlameGraph;
  readonly zoomed: number;
  readonly direction: "down" | "up";
  readonly matches: Uint8Array | undefined;
  readonly hoveredFunction: string;
  readonly unit: string;
  readonly theme: Theme;
  readonly onZoom: (node: number) => void;
  readonly onFocus: (functionName: string) => void;
  readonly onHover: (functionName: string) => void;
  readonly onMenu: (at: { x: number; y: number }, node: number) => void;
}

const ARROWS: Readonly<Record<string, Step>> = { ArrowUp: "parent", ArrowDown: "child", ArrowLeft: "previous", ArrowRight: "next" };
const ZOOM_MS = 140;

/** The drawing itself: one canvas as large as what can be seen of it, under a scroll bar as long as the graph. */
export function FlameCanvas(props: FlameCanvasProps): ReactNode {
  const { graph, zoomed, direction, theme, unit } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const size = useSize(scroller);
  const [scrollTopPx, setScrollTopPx] = useState(0);
  const [pointer, setPointer] = useState<{ node: number; x: number; y: number } | undefined>();
  const [selected, setSelected] = useState(-1);
  const window = useGlidingWindow(graph, zoomed);
  const heightPx = sceneHeight(graph, window);
  const hoveredName = props.hoveredFunction === "" ? -1 : graph.names.indexOf(props.hoveredFunction);
  const pointed = pointer !== undefined && pointer.node < graph.nameIndex.length ? pointer : undefined;

  useEffect(() => setSelected(-1), [graph]);
  useEffect(() => setPointer(undefined), [graph]);
  // Callers grow upwards: their root, the function itself, is at the lower end.
  useLayoutEffect(() => {
    if (scroller.current !== null && direction === "up") scroller.current.scrollTop = heightPx;
  }, [direction, graph, heightPx]);

  useLayoutEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (context === null || context === undefined || size.width === 0) return;
    const ratio = devicePixelRatio;
    context.canvas.width = Math.round(size.width * ratio);
    context.canvas.height = Math.round(size.height * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const scene: Scene = {
      graph,
      window,
      zoomed,
      direction,
      matches: props.matches,
      hoveredName,
      hoveredNode: pointed?.node ?? -1,
      selectedNode: selected,
      theme,
    };
    paint(context, scene, { widthPx: size.width, heightPx: size.height, scrollTopPx }, inkOf(context.canvas));
  });

  const nodeAt = (event: MouseEvent): number => {
    const box = canvas.current!.getBoundingClientRect();
    const row = Math.floor((event.clientY - box.top + scrollTopPx) / ROW_PX);
    const level = direction === "down" ? row : levelsInside(graph, window) - 1 - row;
    return frameAt(graph, level, window, size.width, event.clientX - box.left);
  };
  const point = (event: MouseEvent): void => {
    const node = nodeAt(event);
    setPointer(node < 0 ? undefined : { node, x: event.clientX, y: event.clientY });
    props.onHover(node < 0 || graph.nameIndex[node] === 0 ? "" : nameOf(graph, node));
  };
  const leave = (): void => {
    setPointer(undefined);
    props.onHover("");
  };
  const onKey = (event: KeyboardEvent): void => {
    const current = selected < 0 ? zoomed : selected;
    const upright = direction === "down" ? event.key : (FLIPPED[event.key] ?? event.key);
    const step = ARROWS[upright];
    if (step !== undefined) {
      const next = selected < 0 ? current : stepFrom(graph, current, step, window);
      setSelected(next);
      revealRow(scroller.current!, direction === "down" ? graph.level[next]! : levelsInside(graph, window) - 1 - graph.level[next]!);
    } else if (event.key === "Enter" || event.key === " ") props.onZoom(current);
    else if (event.key === "Escape") {
      setSelected(-1);
      props.onZoom(0);
    } else if (event.key === "f" && graph.nameIndex[current] !== 0) props.onFocus(nameOf(graph, current));
    else if (event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey)) {
      const box = canvas.current!.getBoundingClientRect();
      props.onMenu({ x: box.left + 40, y: box.top + 40 }, current);
    } else return;
    event.preventDefault();
  };

  return (
    <div className="flame-scroll" ref={scroller} onScroll={(event) => setScrollTopPx(event.currentTarget.scrollTop)}>
      <div className="flame-spacer" style={{ height: Math.max(heightPx, 1) }}>
        <div
          className="flame-stage"
          role="application"
          aria-roledescription="flame graph"
          aria-label={`${props.label}. Arrow keys move between frames, Enter zooms in, Escape zooms out, F shows callers and callees.`}
          tabIndex={0}
          style={{ width: size.width, height: size.height }}
          onPointerMove={point}
          onPointerLeave={leave}
          onClick={(event) => {
            const node = nodeAt(event);
            if (node >= 0) props.onZoom(node);
          }}
          onContextMenu={(event) => {
            const node = nodeAt(event);
            if (node < 0) return;
            event.preventDefault();
            setPointer(undefined);
            props.onMenu({ x: event.clientX, y: event.clientY }, node);
          }}
          onKeyDown={onKey}
          onBlur={() => setSelected(-1)}
        >
          <canvas ref={canvas} style={{ width: size.width, height: size.height }} />
        </div>
      </div>
      <div className="hidden" aria-live="polite">
        {selected >= 0 ? frameSentence(graph, selected, unit) : ""}
      </div>
      {pointed !== undefined && (
        <Tooltip x={pointed.x} y={pointed.y}>
          <FrameFacts graph={graph} whole={props.whole} node={pointed.node} unit={unit} />
        </Tooltip>
      )}
      {pointed === undefined && selected >= 0 && selected < graph.nameIndex.length && (
        <SelectedTooltip
          canvas={canvas.current}
          graph={graph}
          window={window}
          node={selected}
          row={direction === "down" ? graph.level[selected]! : levelsInside(graph, window) - 1 - graph.level[selected]!}
          scrollTopPx={scrollTopPx}
        >
          <FrameFacts graph={graph} whole={props.whole} node={selected} unit={unit} />
        </SelectedTooltip>
      )}
    </div>
  );
}

const FLIPPED: Readonly<Record<string, string>> = { ArrowUp: "ArrowDown", ArrowDown: "ArrowUp" };

/** The facts beside a frame reached by keyboard, where a pointer would have put them. */
function SelectedTooltip(props: {
  canvas: HTMLCanvasElement | null;
  graph: FlameGraph;
  window: Window;
  node: number;
  row: number;
  scrollTopPx: number;
  children: ReactNode;
}): ReactNode {
  if (props.canvas === null) return null;
  const box = props.canvas.getBoundingClientRect();
  const share = (Math.max(props.graph.x[props.node]!, props.window.from) - props.window.from) / (props.window.to - props.window.from);
  return (
    <Tooltip x={box.left + share * box.width} y={box.top + (props.row + 1) * ROW_PX - props.scrollTopPx - 8}>
      {props.children}
    </Tooltip>
  );
}

/** Beside the pointer, on the side where there is room. */
function Tooltip({ x, y, children }: { x: number; y: number; children: ReactNode }): ReactNode {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const { current } = box;
    if (current === null) return;
    const { offsetWidth, offsetHeight } = current;
    const left = x + 14 + offsetWidth > innerWidth - 8 ? Math.max(8, x - 14 - offsetWidth) : x + 14;
    const top = y + 16 + offsetHeight > innerHeight - 8 ? Math.max(8, y - 12 - offsetHeight) : y + 16;
    current.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  });
  return (
    <div className="tooltip" ref={box} role="tooltip">
      {children}
    </div>
  );
}

/** The window of the zoomed frame, reached in a short glide instead of a jump so that the eye can follow. */
function useGlidingWindow(graph: FlameGraph, zoomed: number): Window {
  const target = windowOf(graph, zoomed);
  const [shown, setShown] = useState({ graph, window: target });
  const from = shown.graph === graph ? shown.window : target;
  useEffect(() => {
    if (from.from === target.from && from.to === target.to) {
      if (shown.graph !== graph) setShown({ graph, window: target });
      return undefined;
    }
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      setShown({ graph, window: target });
      return undefined;
    }
    const startedAt = performance.now();
    let frame = requestAnimationFrame(function glide(at) {
      const done = Math.min(1, Math.max(0, (at - startedAt) / ZOOM_MS));
      const eased = 1 - (1 - done) ** 3;
      const between = (a: number, b: number): number => (done === 1 ? b : a + (b - a) * eased);
      setShown({ graph, window: { from: between(from.from, target.from), to: between(from.to, target.to) } });
      if (done < 1) frame = requestAnimationFrame(glide);
    });
    return () => cancelAnimationFrame(frame);
    // Only a new target starts a glide; the steps of the glide itself must not.
  }, [graph, target.from, target.to]);
  return from;
}

function revealRow(scroller: HTMLElement, row: number): void {
  const top = row * ROW_PX;
  if (top < scroller.scrollTop) scroller.scrollTop = top;
  else if (top + ROW_PX > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = top + ROW_PX - scroller.clientHeight;
}

function inkOf(element: HTMLElement): Ink {
  const style = getComputedStyle(element);
  const read = (name: string): string => style.getPropertyValue(name).trim();
  return {
    text: read("--frame-text"),
    textFaded: read("--frame-text-faded"),
    outline: read("--frame-outline"),
    selection: read("--accent"),
    root: read("--frame-root"),
  };
}

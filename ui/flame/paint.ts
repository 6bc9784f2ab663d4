import { changeColour, frameColour, type Theme } from "./colour.ts";
import { type FlameGraph, nameOf } from "./flame-graph.ts";
import { levelsInside, visitLevel, type Window } from "./layout.ts";

export const ROW_PX = 19;
/** Text needs room for a few letters, else it is noise. */
const TEXT_WIDTH_MIN_PX = 26;
const TEXT_INSET_PX = 5;
export const FONT = '11.5px ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace';

/** Everything a drawing depends on. */
export interface Scene {
  readonly graph: FlameGraph;
  readonly window: Window;
  /** Frame zoomed to: its ancestors are drawn paler. */
  readonly zoomed: number;
  /** `up` draws the root at the bottom: callers. */
  readonly direction: "down" | "up";
  readonly matches: Uint8Array | undefined;
  /** Name index under the pointer anywhere on the page, −1 for none: all its frames are outlined. */
  readonly hoveredName: number;
  readonly hoveredNode: number;
  readonly selectedNode: number;
  readonly theme: Theme;
}

export interface Viewport {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly scrollTopPx: number;
}

export interface Ink {
  readonly text: string;
  readonly textFaded: string;
  readonly outline: string;
  readonly selection: string;
  readonly root: string;
}

/** Draws the visible rows and nothing else: the cost depends on the screen, not on the graph. */
export function paint(context: CanvasRenderingContext2D, scene: Scene, viewport: Viewport, ink: Ink): void {
  const { graph, window, direction } = scene;
  context.clearRect(0, 0, viewport.widthPx, viewport.heightPx);
  context.font = FONT;
  context.textBaseline = "middle";
  const charPx = context.measureText("m").width;
  const levels = levelsInside(graph, window);
  const firstRow = Math.max(0, Math.floor(viewport.scrollTopPx / ROW_PX));
  const lastRow = Math.min(levels - 1, Math.ceil((viewport.scrollTopPx + viewport.heightPx) / ROW_PX));
  const zoomedLevel = graph.level[scene.zoomed] ?? 0;
  for (let row = firstRow; row <= lastRow; row++) {
    const level = direction === "down" ? row : levels - 1 - row;
    const top = row * ROW_PX - viewport.scrollTopPx;
    context.globalAlpha = level < zoomedLevel ? 0.55 : 1;
    visitLevel(graph, level, window, viewport.widthPx, (node, left, width, isMerged) => {
      if (!isMerged) paintFrame(context, scene, ink, node, left, top, width, charPx);
      else {
        context.fillStyle = fillOf(scene, ink, node, isFaded(scene, node));
        context.fillRect(left, top, width, ROW_PX - 1);
      }
    });
  }
  context.globalAlpha = 1;
}

/** Height of the whole drawing in pixels. */
export function sceneHeight(graph: FlameGraph, window: Window): number {
  return levelsInside(graph, window) * ROW_PX;
}

function paintFrame(
  context: CanvasRenderingContext2D,
  scene: Scene,
  ink: Ink,
  node: number,
  left: number,
  top: number,
  width: number,
  charPx: number,
): void {
  const { graph } = scene;
  const index = graph.nameIndex[node]!;
  const faded = isFaded(scene, node);
  // A hair between neighbours tells them apart; very narrow ones cannot spare it.
  const boxWidth = width > 3 ? width - 1 : width;
  context.fillStyle = fillOf(scene, ink, node, faded);
  context.fillRect(left, top, boxWidth, ROW_PX - 1);
  if (node === scene.selectedNode) outline(context, ink.selection, 2, left, top, boxWidth);
  else if (node === scene.hoveredNode || (index === scene.hoveredName && index !== 0))
    outline(context, ink.outline, 1, left, top, boxWidth);
  if (width < TEXT_WIDTH_MIN_PX) return;
  const label = fitName(nameOf(graph, node), Math.floor((boxWidth - 2 * TEXT_INSET_PX) / charPx));
  if (label === "") return;
  context.fillStyle = faded ? ink.textFaded : ink.text;
  context.fillText(label, left + TEXT_INSET_PX, top + (ROW_PX - 1) / 2 + 0.5);
}

function isFaded({ graph, matches }: Scene, node: number): boolean {
  return matches !== undefined && matches[graph.nameIndex[node]!] === 0;
}

function fillOf({ graph, theme }: Scene, ink: Ink, node: number, faded: boolean): string {
  if (graph.nameIndex[node] === 0) return ink.root;
  if (graph.sides === undefined) {
    const colour = frameColour(nameOf(graph, node), theme);
    return faded ? colour.faded : colour.fill;
  }
  const { leftTotal, rightTotal } = graph.sides;
  // 0 / 0, NaN, for a side without any profiles: see changeStrength.
  const colour = changeColour(leftTotal[node]! / leftTotal[0]!, rightTotal[node]! / rightTotal[0]!, theme);
  return faded ? colour.faded : colour.fill;
}

function outline(context: CanvasRenderingContext2D, colour: string, thickness: number, left: number, top: number, width: number): void {
  context.strokeStyle = colour;
  context.lineWidth = thickness;
  const inset = thickness / 2;
  context.strokeRect(left + inset, top + inset, Math.max(0, width - thickness), ROW_PX - 1 - thickness);
}

/** As much of a name as fits: the whole, else without its import path, else cut with an ellipsis. */
export function fitName(name: string, lettersMax: number): string {
  if (name.length <= lettersMax) return name;
  const bare = /^[^(<[]*\/([^/]+)$/.exec(name)?.[1] ?? name;
  if (bare.length <= lettersMax) return bare;
  return lettersMax < 3 ? "" : `${bare.slice(0, lettersMax - 1)}…`;
}

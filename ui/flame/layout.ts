import type { FlameGraph } from "./flame-graph.ts";

/** The part of the x axis on show, in profile values. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

export function windowOf(graph: FlameGraph, node: number): Window {
  const from = graph.x[node] ?? 0;
  return { from, to: from + (graph.total[node] ?? 0) };
}

/** Frames narrower than this are drawn as a shade, many at a time: nobody can see or hit them. */
export const FRAME_WIDTH_MIN_PX = 1.5;

/**
 * Visits the visible frames of one level, left to right, with their pixels.
 * Frames too narrow to see are visited as one, under the first of them, at most one visit per pixel and half: the work is
 * bounded by the width, not by the number of nodes.
 */
export function visitLevel(
  graph: FlameGraph,
  level: number,
  window: Window,
  widthPx: number,
  visit: (node: number, leftPx: number, widthPx: number, isMerged: boolean) => void,
): void {
  const end = graph.levelStart[level + 1] ?? 0;
  const scale = widthPx / (window.to - window.from);
  if (!Number.isFinite(scale)) return;
  let node = firstEndingAfter(graph, level, window.from);
  while (node < end && graph.x[node]! < window.to) {
    const left = Math.max(0, (graph.x[node]! - window.from) * scale);
    const right = Math.min(widthPx, (graph.x[node]! + graph.total[node]! - window.from) * scale);
    if (right - left >= FRAME_WIDTH_MIN_PX) {
      visit(node, left, right - left, false);
      node++;
      continue;
    }
    const next = Math.max(node + 1, firstEndingAfter(graph, level, window.from + (left + FRAME_WIDTH_MIN_PX) / scale));
    const lastEnd = (graph.x[next - 1]! + graph.total[next - 1]! - window.from) * scale;
    visit(node, left, Math.min(widthPx, Math.max(lastEnd, left + 0.5)) - left, true);
    node = next;
  }
}

/** The frame at a pixel, −1 when there is none. */
export function frameAt(graph: FlameGraph, level: number, window: Window, widthPx: number, atPx: number): number {
  if (level < 0 || level + 1 >= graph.levelStart.length) return -1;
  const at = window.from + (atPx / widthPx) * (window.to - window.from);
  const node = firstEndingAfter(graph, level, at);
  return node < graph.levelStart[level + 1]! && graph.x[node]! <= at ? node : -1;
}

/** First node of a level whose right end lies behind `at`; the end of the level when none does. */
function firstEndingAfter(graph: FlameGraph, level: number, at: number): number {
  let low = graph.levelStart[level]!;
  let high = graph.levelStart[level + 1]!;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (graph.x[middle]! + graph.total[middle]! > at) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Number of levels that have a frame inside the window: how tall the drawing is. */
export function levelsInside(graph: FlameGraph, window: Window): number {
  const levels = graph.levelStart.length - 1;
  for (let level = levels - 1; level > 0; level--) {
    const node = firstEndingAfter(graph, level, window.from);
    if (node < graph.levelStart[level + 1]! && graph.x[node]! < window.to) return level + 1;
  }
  return Math.min(1, levels);
}

export type Step = "parent" | "child" | "previous" | "next";

/** Where an arrow key goes: up to the caller, down to the widest callee, sideways to the neighbour on the level. */
export function stepFrom(graph: FlameGraph, node: number, step: Step, window: Window): number {
  const level = graph.level[node] ?? 0;
  switch (step) {
    case "parent":
      return Math.max(0, graph.parent[node] ?? 0);
    case "child": {
      const first = graph.firstChild[node]!;
      let widest = -1;
      for (let child = first; child < first + graph.childCount[node]!; child++) {
        const isShown = graph.x[child]! < window.to && graph.x[child]! + graph.total[child]! > window.from;
        if (isShown && (widest < 0 || graph.total[child]! > graph.total[widest]!)) widest = child;
      }
      return widest < 0 ? node : widest;
    }
    case "previous": {
      const candidate = node - 1;
      const isShown = candidate >= graph.levelStart[level]! && graph.x[candidate]! + graph.total[candidate]! > window.from;
      return isShown ? candidate : node;
    }
    case "next": {
      const candidate = node + 1;
      return candidate < graph.levelStart[level + 1]! && graph.x[candidate]! < window.to ? candidate : node;
    }
  }
}

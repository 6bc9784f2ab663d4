import { hashText } from "./flame-graph.ts";

export type Theme = "dark" | "light";

/** Colours of one function's frames. */
export interface FrameColour {
  readonly fill: string;
  readonly faded: string;
}

/**
 * The package, module, class or binary a function belongs to: what gives it its colour.
 * Names come from every language and are not marked as such, so this goes by their punctuation.
 */
export function packageOf(name: string): string {
  const binary = name.indexOf("!0x");
  if (binary > 0) return name.slice(0, binary);
  // Node names what has no name by its place: (anonymous values.ts:26).
  const place = /^\(anonymous (.+?)(?::\d+)?\)$/.exec(name)?.[1];
  if (place !== undefined) return place;
  // Anonymous and bracketed pseudo frames: (idle), [kernel], <anonymous>.
  if (/^[([<]/.test(name)) return name[0]!;
  const path = name.replace(/[([<].*$/s, "");
  const colons = path.lastIndexOf("::");
  if (colons > 0) return path.slice(0, colons);
  const slash = path.lastIndexOf("/");
  const dot = path.indexOf(".", slash + 1);
  // Go `host/module/pkg.Func` and Java `java/util/HashMap.put` end their package at the first dot after the last slash.
  if (slash >= 0) return dot > 0 ? path.slice(0, dot) : path.slice(0, slash);
  const lastDot = path.lastIndexOf(".");
  // Java and .NET: everything up to the class.
  if (lastDot > dot && /\.[A-Z]/.test(path)) return path.slice(0, lastDot);
  if (dot > 0) return path.slice(0, dot);
  return path;
}

/** Frames of the run time rather than of the service: drawn in grey so that one's own code stands out. */
export function isRuntime(packageName: string): boolean {
  return /^(runtime|internal|sync|syscall|reflect|java\b|javax|jdk|sun|node:|internal\/|libc|ld-|linux|kernel|vmlinux|\(|\[|<)/.test(
    packageName,
  );
}

/**
 * Twelve hues around the wheel at one lightness and chroma (OKLCH), so that no package shouts; the red end, which means
 * "more" in a diff, is left out. Lightness varies a little by function so that neighbours of one package stay apart.
 */
const HUES = [36, 52, 68, 84, 104, 132, 160, 188, 212, 236, 268, 312] as const;

const cache = new Map<string, FrameColour>();

export function frameColour(name: string, theme: Theme): FrameColour {
  const key = `${theme}${name}`;
  let colour = cache.get(key);
  if (colour === undefined) {
    const packageName = packageOf(name);
    const hue = HUES[hashText(packageName) % HUES.length]!;
    const wobble = ((hashText(name) >>> 8) % 7) - 3;
    const chroma = isRuntime(packageName) ? 0.016 : theme === "dark" ? 0.085 : 0.07;
    const light = theme === "dark" ? 0.52 + wobble * 0.009 : 0.845 + wobble * 0.008;
    colour = { fill: oklch(light, chroma, hue), faded: oklch(theme === "dark" ? 0.3 : 0.94, Math.min(chroma, 0.02), hue) };
    cache.set(key, colour);
  }
  return colour;
}

/**
 * Colour of a change in share between two windows: blue for less, red for more, grey for the same. Blue and red are
 * told apart by most colour-blind people; the strength grows with the logarithm of the ratio and is full at ×4.
 */
export function changeColour(leftShare: number, rightShare: number, theme: Theme): FrameColour {
  const strength = changeStrength(leftShare, rightShare);
  const hue = strength < 0 ? 250 : 28;
  const amount = Math.abs(strength);
  const light = theme === "dark" ? 0.42 + amount * 0.12 : 0.88 - amount * 0.14;
  return {
    fill: oklch(light, 0.005 + amount * 0.15, hue),
    faded: oklch(theme === "dark" ? 0.3 : 0.94, amount * 0.03, hue),
  };
}

/** −1 (gone) to +1 (new), 0 when the shares are equal. */
export function changeStrength(leftShare: number, rightShare: number): number {
  // A side without any profiles has no shares: nothing can be said to have changed.
  if (Number.isNaN(leftShare) || Number.isNaN(rightShare)) return 0;
  if (leftShare === rightShare) return 0;
  if (leftShare === 0) return 1;
  if (rightShare === 0) return -1;
  return Math.max(-1, Math.min(1, Math.log2(rightShare / leftShare) / 2));
}

/** Lines of a timeline: the same wheel, brighter, in an order that keeps neighbours apart. */
const LINE_HUES = [48, 238, 158, 310, 84, 186, 10, 268, 130, 212, 350, 104] as const;

export function lineColour(index: number, theme: Theme): string {
  const hue = LINE_HUES[index % LINE_HUES.length]!;
  return theme === "dark" ? oklch(0.74, 0.13, hue) : oklch(0.56, 0.14, hue);
}

function oklch(light: number, chroma: number, hue: number): string {
  return `oklch(${light.toFixed(3)} ${chroma.toFixed(3)} ${hue})`;
}

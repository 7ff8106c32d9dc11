/**
 * The colours of masks: the label's own, or one per instance that colour-blind people can tell apart.
 *
 * Palette: Okabe and Ito, "Color Universal Design" (2008), without black, then the same hues darker and lighter.
 */
import type { LabelInfo, MaskRecord } from "./mask-record";

export type Rgb = readonly [number, number, number];

export const OKABE_ITO: readonly string[] = [
  "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
]; // prettier-ignore

const UNLABELLED: Rgb = [186, 194, 204];
const INSTANCE_SHIFTS = [0, 0.34, -0.28, 0.58, -0.46] as const;
/** How many shades of one colour there are. */
export const SHADES = INSTANCE_SHIFTS.length;

export function parseColor(hex: string): Rgb {
  const value = Number.parseInt(hex.slice(1), 16);
  return Number.isNaN(value) ? UNLABELLED : [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

/** Lighter for positive `amount` up to 1 (white), darker for negative down to -1 (black). */
export function shiftLightness(color: Rgb, amount: number): Rgb {
  const target = amount > 0 ? 255 : 0;
  const share = Math.abs(amount);
  return [mix(color[0], target, share), mix(color[1], target, share), mix(color[2], target, share)];
}

function mix(from: number, to: number, share: number): number {
  return Math.round(from + (to - from) * share);
}

export function cssColor(color: Rgb, alpha = 1): string {
  return `rgb(${color[0]} ${color[1]} ${color[2]} / ${alpha})`;
}

/** A number that stays with a mask as long as it lives, spread over the palette. */
function instanceNumber(id: string): number {
  let hash = 0;
  for (let i = 0; i < id.length; i++) hash = (hash * 31 + id.charCodeAt(i)) >>> 0;
  return hash;
}

/** The shade that a mask has of its label's colour where no neighbour has the same. */
export function preferredShade(id: string): number {
  return instanceNumber(id) % 3;
}

/** `shade`: which step in lightness of the label's colour, below SHADES. */
export function colorOfMask(
  record: Pick<MaskRecord, "id" | "labelId">,
  labels: ReadonlyMap<number, LabelInfo>,
  colorBy: "label" | "instance",
  shade = preferredShade(record.id),
): Rgb {
  const instance = instanceNumber(record.id);
  if (colorBy === "instance") {
    const base = parseColor(OKABE_ITO[instance % OKABE_ITO.length]);
    return shiftLightness(base, INSTANCE_SHIFTS[(instance >> 8) % INSTANCE_SHIFTS.length]);
  }
  const label = record.labelId === null ? undefined : labels.get(record.labelId);
  const base = label ? parseColor(label.color) : UNLABELLED;
  return shiftLightness(base, INSTANCE_SHIFTS[shade]);
}

const DARK: Rgb = [6, 9, 14];
/** From this luminance on, either this tone or the dark one has a contrast of 3 to 1 with any colour beneath. */
const LEAST_LUMINANCE = 0.5;

/** The two tones of an outline: the mask's colour, light enough for dark photos, and a dark one for light photos. */
export function outlineTones(color: Rgb): { readonly light: Rgb; readonly dark: Rgb } {
  let light = color;
  for (let step = 1; relativeLuminance(light) < LEAST_LUMINANCE; step++) light = shiftLightness(color, step / 10);
  return { light, dark: DARK };
}

/** Relative luminance as WCAG 2 defines it, 0 to 1. */
export function relativeLuminance(color: Rgb): number {
  const [r, g, b] = color.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

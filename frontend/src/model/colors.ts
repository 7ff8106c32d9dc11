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
const INSTANCE_SHIFTS = [0, 0.22, -0.14, 0.36, -0.26] as const;

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

export function colorOfMask(
  record: Pick<MaskRecord, "id" | "labelId">,
  labels: ReadonlyMap<number, LabelInfo>,
  colorBy: "label" | "instance",
): Rgb {
  const instance = instanceNumber(record.id);
  if (colorBy === "instance") {
    const base = parseColor(OKABE_ITO[instance % OKABE_ITO.length]);
    return shiftLightness(base, INSTANCE_SHIFTS[(instance >> 8) % INSTANCE_SHIFTS.length]);
  }
  const label = record.labelId === null ? undefined : labels.get(record.labelId);
  const base = label ? parseColor(label.color) : UNLABELLED;
  return shiftLightness(base, INSTANCE_SHIFTS[instance % 3]);
}

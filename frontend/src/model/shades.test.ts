import { expect, it } from "vitest";

import { colorOfMask, OKABE_ITO, outlineTones, parseColor, relativeLuminance, SHADES, type Rgb } from "./colors";
import { shadesOf } from "./shades";

const mask = (id: string, x0: number, x1: number, labelId = 1, createdAt = id) => ({
  id,
  labelId,
  createdAt,
  state: "accepted" as const,
  bounds: { x0, y0: 0, x1, y1: 10 },
});

it("gives masks of one label that meet different shades, whatever they would prefer", () => {
  const row = Array.from({ length: 30 }, (_, i) => mask(String(i).padStart(2, "0"), i * 10, i * 10 + 10));
  const shades = shadesOf(row, SHADES, () => 0);
  for (let i = 1; i < row.length; i++) expect(shades.get(row[i].id)).not.toBe(shades.get(row[i - 1].id));
});

it("leaves masks that are alone, or of other labels, the shade they prefer", () => {
  const shades = shadesOf([mask("a", 0, 10), mask("b", 40, 50), mask("c", 0, 10, 2)], SHADES, () => 2);
  expect([...shades.values()]).toEqual([2, 2, 2]);
});

it("does not change older masks when a new one comes beside them", () => {
  const old = [mask("b", 0, 10, 1, "2026-01-01"), mask("c", 10, 20, 1, "2026-01-02")];
  const before = shadesOf(old, SHADES, () => 1);
  const after = shadesOf([...old, mask("a", 5, 15, 1, "2026-01-03")], SHADES, () => 1);
  for (const { id } of old) expect(after.get(id)).toBe(before.get(id));
  expect(new Set(after.values()).size).toBe(3);
});

const contrast = (a: Rgb, b: Rgb): number => {
  const [low, high] = [relativeLuminance(a), relativeLuminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
};

it("draws an outline of which one of two tones can be read on any colour of a photo", () => {
  const steps = [0, 51, 102, 153, 204, 255];
  const photo = steps.flatMap((r) => steps.flatMap((g) => steps.map((b): Rgb => [r, g, b])));
  const labels = new Map(
    OKABE_ITO.map((color, id) => [id, { id, name: "", color, key: "", position: 0, attributes: [] }]),
  );
  for (const labelId of labels.keys()) {
    for (let shade = 0; shade < SHADES; shade++) {
      const { light, dark } = outlineTones(colorOfMask({ id: "a", labelId }, labels, "label", shade));
      for (const under of photo) expect(Math.max(contrast(light, under), contrast(dark, under))).toBeGreaterThan(3);
    }
  }
  expect(outlineTones(parseColor("#ffffff")).light).toEqual([255, 255, 255]);
});

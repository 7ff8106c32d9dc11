import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import type { GeometryName } from "../../geometry/photo-geometry";
import type { BoxXyxy, Prompt, Size } from "../../geometry/types";
import { flippedTokens, flipPlanes } from "./flip";
import { answerBox, cropWeight, cropAround, cropThatFits, mergeViews, onGridOf, viewOf } from "./views";

type Corners = [number, number, number, number];
interface Merge {
  name: string;
  geometry: GeometryName;
  photo: Size;
  crops: (Corners | null)[];
  logits: number[][];
  scores: number[][];
  share: number;
  merged: number[];
  predicted_iou: number[];
  on_last_grid: number[];
}
interface Answer {
  name: string;
  geometry: GeometryName;
  photo: Size;
  crop: Corners | null;
  points: [number, number][];
  labels: number[];
  candidates: string;
  ready: Corners[];
  box: Corners;
  fits: Corners | null;
  around: Corners | null;
}
interface Flip {
  name: string;
  geometry: GeometryName;
  photo: Size;
  coords: number[];
  labels: number[];
  flipped: number[];
  logits: number[];
}
const golden = JSON.parse(
  readFileSync(new URL("../../../../fixtures/golden/views/cases.json", import.meta.url), "utf8"),
) as {
  image_size: number;
  side: number;
  planes: Record<string, number[]>;
  answer_planes: Record<string, number[]>;
  merges: Merge[];
  answers: Answer[];
  flips: Flip[];
};
const { side } = golden;
const plane = (data: number[]) => ({ data: Float32Array.from(data), side });
const box = ([x0, y0, x1, y1]: Corners): BoxXyxy => ({ x0, y0, x1, y1 });
const view = ({ photo, geometry }: Pick<Merge, "photo" | "geometry">, crop: Corners | null) =>
  viewOf(photo, crop && box(crop), { name: geometry, imageSize: golden.image_size });

describe("views", () => {
  it.each(golden.merges)("become what sam_core makes of them: $name", (one) => {
    const views = one.crops.map((crop) => view(one, crop));
    const answers = views.map((own, i) => ({
      view: own,
      logits: Float32Array.from(one.logits[i]),
      predictedIou: Float32Array.from(one.scores[i]),
    }));
    const merged = mergeViews(answers);
    expect(merged.logits).toEqual(Float32Array.from(one.merged));
    expect(Float32Array.from(Array.from(merged.predictedIou))).toEqual(Float32Array.from(one.predicted_iou));
    const last = views[views.length - 1];
    expect(cropWeight(views[0], last)).toBe(one.share);
    expect(onGridOf(answers[0].logits, side, views[0], last)).toEqual(Float32Array.from(one.on_last_grid));
  });

  it.each(golden.answers)("fit an answer as in sam_core: $name", (one) => {
    const candidates = one.candidates.split("").map((name) => ({ maskLogits: plane(golden.answer_planes[name]) }));
    const prompts = promptsOf(one);
    const found = answerBox(prompts, candidates, view(one, one.crop));
    expect(found).toEqual(box(one.box));
    expect(cropThatFits(one.ready.map(box), found, one.photo)).toEqual(one.fits && box(one.fits));
    expect(cropAround(found, prompts, view(one, one.crop))).toEqual(one.around && box(one.around));
  });
});

describe("a flip", () => {
  it.each(golden.flips)("turns what sam_core turns: $name", ({ coords, labels, flipped, logits, ...one }) => {
    const { geometry } = view(one, null);
    const tokens = { coords: Float32Array.from(coords), labels: Int32Array.from(labels) };
    expect(flippedTokens(tokens, geometry, side).coords).toEqual(Float32Array.from(flipped));
    expect(flipPlanes(Float32Array.from(golden.planes.noise), geometry, side)).toEqual(Float32Array.from(logits));
    const twice = flippedTokens(flippedTokens(tokens, geometry, side), geometry, side);
    expect(twice.coords).toEqual(tokens.coords);
  });
});

/** Golden points count from the middle of the first pixel. */
function promptsOf({ points, labels }: Answer): Prompt[] {
  const at = (label: number) => points[labels.indexOf(label)];
  const [corner, opposite] = [at(2), at(3)];
  const boxes: Prompt[] = labels.includes(2) ? [{ kind: "box", box: box([...corner, ...opposite]) }] : [];
  const clicks = points.flatMap(([x, y], i): Prompt[] =>
    labels[i] === 0 || labels[i] === 1 ? [{ kind: "point", point: { x: x + 0.5, y: y + 0.5 }, label: labels[i] }] : [],
  );
  return [...boxes, ...clicks];
}

import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { EdgeGuide } from "./edges";

const golden = JSON.parse(
  readFileSync(new URL("../../../fixtures/golden/edges/cases.json", import.meta.url), "utf8"),
) as {
  image_size: number;
  input_size: { width: number; height: number };
  side: number;
  photos: Record<string, number[]>;
  planes: Record<string, number[]>;
  cases: { photo: string; plane: string; after: number[] }[];
};
const { side } = golden;
const geometry = {
  imageSize: golden.image_size,
  inputSize: golden.input_size,
  originalSize: golden.input_size,
};
const rows = (golden.input_size.height * side) / golden.image_size;

function guideOf(photo: string): EdgeGuide {
  const rgb = golden.photos[photo];
  const rgba = Uint8Array.from({ length: (rgb.length / 3) * 4 }, (_, i) =>
    i % 4 === 3 ? 255 : rgb[Math.floor(i / 4) * 3 + (i % 4)],
  );
  return new EdgeGuide({ rows, columns: side, rgba });
}

describe("EdgeGuide", () => {
  it.each(golden.cases)("does what sam_core does: $plane on $photo", ({ photo, plane, after }) => {
    const raw = { data: Float32Array.from(golden.planes[plane]), side };
    const snapped = guideOf(photo).snap(raw, geometry);
    after.forEach((value, i) => expect(snapped.data[i]).toBeCloseTo(value, 3));
    expect(Array.from(snapped.data, (v) => v > 0)).toEqual(after.map((v) => v > 0));
    expect(raw.data).toEqual(Float32Array.from(golden.planes[plane]));
    expect(snapped === raw).toBe(plane === "none");
  });

  it("answers the same however many masks it has guided", () => {
    const guide = guideOf("edge");
    const answers = ["beside", "small", "beside"].map(
      (plane) => guide.snap({ data: Float32Array.from(golden.planes[plane]), side }, geometry).data,
    );
    expect(answers[2]).toEqual(answers[0]);
  });

  it("leaves masks alone that are of a photo of another shape", () => {
    const raw = { data: Float32Array.from(golden.planes.beside), side };
    const taller = { ...geometry, inputSize: { width: golden.image_size, height: golden.image_size } };
    expect(guideOf("edge").snap(raw, taller)).toBe(raw);
  });
});

import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { withPromptsObeyed } from "./obeyed";

interface Case {
  name: string;
  plane: string;
  coords: number[];
  labels: number[];
  changed: Record<string, number>;
}
const golden = JSON.parse(
  readFileSync(new URL("../../../fixtures/golden/obeyed/cases.json", import.meta.url), "utf8"),
) as {
  image_size: number;
  input_size: { width: number; height: number };
  side: number;
  planes: Record<string, number[]>;
  cases: Case[];
};
const geometry = {
  imageSize: golden.image_size,
  inputSize: golden.input_size,
  originalSize: { width: 2 * golden.input_size.width, height: 2 * golden.input_size.height },
};

describe("withPromptsObeyed", () => {
  it.each(golden.cases)("does what sam_core does: $name", (one) => {
    const raw = { data: Float32Array.from(golden.planes[one.plane]), side: golden.side };
    const tokens = { coords: Float32Array.from(one.coords), labels: Int32Array.from(one.labels) };
    const wanted = raw.data.slice();
    for (const [cell, value] of Object.entries(one.changed)) wanted[Number(cell)] = value;

    const obeyed = withPromptsObeyed(raw, tokens, geometry);
    expect(obeyed.data).toEqual(wanted);
    expect(raw.data).toEqual(Float32Array.from(golden.planes[one.plane]));
    expect(obeyed === raw).toBe(Object.keys(one.changed).length === 0);
  });
});

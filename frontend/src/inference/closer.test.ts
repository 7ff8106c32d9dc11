import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import type { BoxXyxy, Prompt, Size } from "../geometry/types";
import { closerShare, mergedLogits, mergedScores, partToLookAt, viewOf } from "./closer";

type Corners = [number, number, number, number];
interface Case {
  name: string;
  photo: Size;
  part: Corners | null;
}
interface Merge extends Case {
  closer: Corners;
  share: number;
  logits: number[];
  scores: number[];
}
interface Look extends Case {
  points: [number, number][];
  labels: number[];
  shown: string;
  look: Corners | null;
}
const golden = JSON.parse(
  readFileSync(new URL("../../../fixtures/golden/closer/cases.json", import.meta.url), "utf8"),
) as {
  image_size: number;
  side: number;
  far: number[][];
  near: number[][];
  far_scores: number[];
  near_scores: number[];
  shown: Record<string, number[]>;
  merges: Merge[];
  looks: Look[];
};
const { side } = golden;
const plane = (data: number[]) => ({ data: Float32Array.from(data), side });
const box = ([x0, y0, x1, y1]: Corners): BoxXyxy => ({ x0, y0, x1, y1 });
const view = ({ photo }: Case, part: Corners | null) => viewOf(photo, part && box(part), golden.image_size);

describe("a closer look", () => {
  it.each(golden.merges)("makes of two views what sam_core makes of them: $name", (one) => {
    const views = [view(one, one.part), view(one, one.closer)] as const;
    expect(mergedLogits(golden.far.map(plane), golden.near.map(plane), ...views)).toEqual(
      Float32Array.from(one.logits),
    );
    expect(mergedScores(golden.far_scores, golden.near_scores, ...views)).toEqual(Float32Array.from(one.scores));
    expect(closerShare(...views)).toBe(one.share);
  });

  it.each(golden.looks)("goes where sam_core looks: $name", (one) => {
    const candidates = one.shown.split("").map((name) => ({ shown: plane(golden.shown[name]) }));
    const look = partToLookAt(promptsOf(one), candidates, view(one, one.part));
    expect(look).toEqual(one.look && box(one.look));
  });

  it("needs a prompt: a mask that is given back is none", () => {
    expect(partToLookAt([], [{ shown: plane(golden.shown.s) }], view(golden.looks[0], null))).toBeNull();
  });
});

/** Golden points count from the middle of the first pixel. */
function promptsOf({ points, labels }: Look): Prompt[] {
  const at = (label: number) => points[labels.indexOf(label)];
  const [corner, opposite] = [at(2), at(3)];
  const boxes: Prompt[] = labels.includes(2) ? [{ kind: "box", box: box([...corner, ...opposite]) }] : [];
  const clicks = points.flatMap(([x, y], i): Prompt[] =>
    labels[i] === 0 || labels[i] === 1 ? [{ kind: "point", point: { x: x + 0.5, y: y + 0.5 }, label: labels[i] }] : [],
  );
  return [...boxes, ...clicks];
}

import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { imagePoint, type BoxXyxy, type Prompt, type Size } from "../geometry/types";
import {
  closerShare,
  mergedLogits,
  mergedScores,
  nextLook,
  partToLookAt,
  sharesForEach,
  sharesOf,
  viewOf,
} from "./closer";
import { mirroredTokens, mirrorPlanes } from "./mirrored";

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
interface Chain {
  name: string;
  photo: Size;
  parts: (Corners | null)[];
  shares: number[];
}
interface Guard {
  name: string;
  share: number;
  scores: number[];
  closer_scores: number[];
  shown: number;
  shares: number[];
}
interface Mirror {
  name: string;
  photo: Size;
  coords: number[];
  labels: number[];
  mirrored: number[];
  logits: number[];
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
  chains: Chain[];
  guards: Guard[];
  looks: Look[];
  mirrors: Mirror[];
};
const { side } = golden;
const plane = (data: number[]) => ({ data: Float32Array.from(data), side });
const box = ([x0, y0, x1, y1]: Corners): BoxXyxy => ({ x0, y0, x1, y1 });
const view = ({ photo }: Case, part: Corners | null) => viewOf(photo, part && box(part), golden.image_size);

describe("a closer look", () => {
  it.each(golden.merges)("makes of two views what sam_core makes of them: $name", (one) => {
    const views = [view(one, one.part), view(one, one.closer)] as const;
    const { share } = one;
    expect(closerShare(...views)).toBe(share);
    const shares = [share, share / 2];
    expect(mergedLogits(golden.far.map(plane), golden.near.map(plane), views, shares)).toEqual(
      Float32Array.from(one.logits),
    );
    expect(mergedScores(golden.far_scores, golden.near_scores, shares)).toEqual(Float32Array.from(one.scores));
  });

  it.each(golden.chains)("counts as much as in sam_core: $name", ({ photo, parts, shares }) => {
    expect(sharesOf(parts.map((part) => viewOf(photo, part && box(part), golden.image_size)))).toEqual(shares);
  });

  it.each(golden.guards)("counts for what is shown as in sam_core: $name", (one) => {
    expect(sharesForEach(one.share, one.scores, one.closer_scores, one.shown)).toEqual(one.shares);
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

describe("a mirror", () => {
  it.each(golden.mirrors)("turns what sam_core turns: $name", ({ photo, coords, labels, mirrored, logits }) => {
    const { geometry } = viewOf(photo, null, golden.image_size);
    const tokens = { coords: Float32Array.from(coords), labels: Int32Array.from(labels) };
    expect(mirroredTokens(tokens, geometry, side).coords).toEqual(Float32Array.from(mirrored));
    expect(mirrorPlanes(Float32Array.from(golden.far[0]), geometry, side)).toEqual(Float32Array.from(logits));
    const twice = mirroredTokens(mirroredTokens(tokens, geometry, side), geometry, side);
    expect(twice.coords).toEqual(tokens.coords);
  });
});

describe("what is looked at next", () => {
  const photo = { width: 2000, height: 1500 };
  const prompts: Prompt[] = [{ kind: "point", point: imagePoint(410, 300), label: 1 }];
  const small = Array(4).fill({ shown: plane(golden.shown.s) });
  const part = box([300, 200, 900, 650]);
  const all = box([700, 400, 764, 464]); // as many pixels as the model sees
  /** Each part plainly; one that is there twice in a mirror as well. */
  const seen = (...parts: (BoxXyxy | null)[]) =>
    parts.map((cropBox, i) => ({ embedding: { cropBox, isMirrored: i > 0 && cropBox === parts[i - 1] } }));
  const next = (...parts: (BoxXyxy | null)[]) =>
    nextLook({ prompts, candidates: small, seen: seen(...parts) }, photo, golden.image_size);

  it("is the same part of the photo in a mirror, and then a part of that", () => {
    expect(next(null)).toEqual({ part: null, isMirrored: true });
    expect(next(part)).toEqual({ part, isMirrored: true });
    expect(next(null, null)).toMatchObject({ part: { y1: expect.any(Number) as number }, isMirrored: false });
  });

  it("is a part of the part, until all of the photo's pixels are seen", () => {
    expect(next(null, null, part)?.part?.x0).toBeGreaterThan(part.x0);
    expect(next(null, null, all)).toEqual({ part: all, isMirrored: true });
    expect(next(null, null, all, all)).toBeNull();
  });

  it("is a part even of a photo whose pixels are all seen: two views are better than one", () => {
    const near: Prompt[] = [{ kind: "point", point: imagePoint(30, 25), label: 1 }];
    const asked = { prompts: near, candidates: small, seen: seen(null, null) };
    expect(nextLook(asked, { width: 200, height: 150 }, 256)?.part).not.toBeNull();
  });

  it("is no part after three, or one in a mirror, and nothing without a prompt, or before the first answer", () => {
    const three = [box([200, 150, 1000, 750]), box([250, 175, 950, 700]), part];
    expect(next(null, null, ...three)).toEqual({ part, isMirrored: true });
    expect(next(null, null, part, part)).toBeNull();
    expect(next(null, null)).not.toBeNull();
    expect(next()).toBeNull();
    expect(nextLook({ prompts: [], candidates: small, seen: seen(null) }, photo, golden.image_size)).toBeNull();
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

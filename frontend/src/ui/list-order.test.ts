import { describe, expect, it } from "vitest";

import { bitmapMask } from "../geometry/mask-fixtures";
import { makeRecord } from "../model/record-fixtures";
import { listedMasks, type ListFilter, type ListSort } from "./list-order";

const labels = new Map(
  [
    { id: 1, name: "Cat", position: 1 },
    { id: 2, name: "Cup", position: 0 },
  ].map((label) => [label.id, { color: "#000000", key: "", attributes: [], ...label }]),
);
const masks = [
  makeRecord("cat", bitmapMask(["##"]), { labelId: 1, predictedIou: 0.5 }),
  makeRecord("cup", bitmapMask(["#."]), { labelId: 2, predictedIou: 0.9, isLocked: true }),
  makeRecord("bare", bitmapMask(["##"]), { labelId: null, source: "import" }),
  makeRecord("weak", bitmapMask(["##"]), { labelId: 1, state: "suggestion", predictedIou: 0.2 }),
  makeRecord("gone", bitmapMask(["##"]), { labelId: 1, state: "rejected" }),
];
const listed = (filter: ListFilter, sort: ListSort = "top", minIou = 0): string[] =>
  listedMasks(masks, filter, sort, labels, { minIou, minStability: 0 }).map(({ id }) => id);

describe("the list of masks", () => {
  it.each([
    ["all", ["weak", "bare", "cup", "cat"]],
    ["unlabelled", ["bare"]],
    ["suggestions", ["weak"]],
    ["locked", ["cup"]],
    ["manual", ["weak", "cup", "cat"]],
    ["label:1", ["weak", "cat"]],
    ["label:2", ["cup"]],
  ] as const)("filtered by %s", (filter, ids) => {
    expect(listed(filter)).toEqual(ids);
  });

  it.each([
    ["label", ["cup", "weak", "cat", "bare"]],
    ["area", ["weak", "bare", "cat", "cup"]],
    ["score", ["cup", "cat", "weak", "bare"]],
  ] as const)("sorted by %s", (sort, ids) => {
    expect(listed("all", sort)).toEqual(ids);
  });

  it("leaves out suggestions below the threshold", () => {
    expect(listed("all", "top", 0.3)).toEqual(["bare", "cup", "cat"]);
  });
});

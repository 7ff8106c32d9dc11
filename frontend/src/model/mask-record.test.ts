import { expect, it } from "vitest";

import { bitmapMask } from "../geometry/mask-fixtures";
import { scoreText, unanswered, type AttributeSpec, type AttributeValue } from "./mask-record";
import { makeRecord } from "./record-fixtures";

const label = (id: number, ...attributes: AttributeSpec[]) => ({
  id,
  name: "Cat",
  color: "#000000",
  key: "",
  position: 0,
  attributes,
});
const labels = [
  label(1, { name: "Pose", kind: "choice", choices: ["sits", "lies"], is_required: true }),
  label(2, { name: "Note", kind: "text" }, { name: "Hidden", kind: "flag", is_required: true }),
];
const mask = (id: string, labelId: number | null, pose?: AttributeValue) =>
  makeRecord(id, bitmapMask(["#"]), { labelId, attributes: pose === undefined ? {} : { Pose: pose } });

it("finds the masks that lack a required answer", () => {
  const masks = [
    mask("answered", 1, "sits"),
    mask("bare", 1),
    mask("emptied", 1, null),
    mask("not asked", 2),
    mask("no label", null),
    { ...mask("rejected", 1), state: "rejected" as const },
  ];
  expect(unanswered(masks, labels).map(({ id }) => id)).toEqual(["bare", "emptied"]);
});

it.each([
  [0.874, "0.87"],
  [1.012, "1.00"],
  [-0.03, "0.00"],
])("reads a predicted IoU of %f as %s", (predictedIou, text) => {
  expect(scoreText(predictedIou)).toBe(text);
});

import { describe, expect, it } from "vitest";

import { bitmapMask } from "../geometry/mask-fixtures";
import { MaskDocument } from "./document";
import { makeRecord } from "./record-fixtures";

function documentWith(...times: readonly string[]): MaskDocument {
  const document = new MaskDocument();
  for (const [at, createdAt] of times.entries()) {
    const after = makeRecord(`m${at}`, bitmapMask(["#"]), { createdAt, zOrder: at + 1 });
    document.apply([{ kind: "mask", id: after.id, before: null, after }], "remote");
  }
  return document;
}

describe("the moment of a new mask", () => {
  const now = Date.parse("2026-06-03T12:00:00.000Z");

  it("is now, where the clock agrees with what is there", () => {
    expect(documentWith().nextMoment(now)).toBe("2026-06-03T12:00:00.000Z");
    expect(documentWith("2026-06-03T11:00:00Z").nextMoment(now)).toBe("2026-06-03T12:00:00.000Z");
  });

  it("comes after all masks that are there, where the clock is behind", () => {
    const document = documentWith("2026-06-03T18:00:00Z", "2026-06-03T17:00:00Z", "no time");
    expect(document.nextMoment(now)).toBe("2026-06-03T18:00:00.001Z");
  });
});

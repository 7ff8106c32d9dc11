import { expect, it } from "vitest";

import { modelVersionOf } from "./embedding-views";

it("finds the model version in a key, dashes and all", () => {
  const sha = "0".repeat(64);
  expect(modelVersionOf({ key: `${sha}-sam_lite-1-full-f16` })).toBe("sam_lite-1");
  expect(modelVersionOf({ key: `${sha}-vit-b-2-10_20_30_40-f16` })).toBe("vit-b-2");
});

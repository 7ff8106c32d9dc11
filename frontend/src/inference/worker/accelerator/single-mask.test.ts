import { expect, test } from "vitest";

import { steadySingleMask } from "./single-mask";

const PUBLISHED = { delta: 0.05, threshold: 0.98 };

function four(single: number[]) {
  const logits = Float32Array.from([...single, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]);
  const predictedIou = Float32Array.of(0.1, 0.2, 0.9, 0.3);
  steadySingleMask(logits, predictedIou, PUBLISHED);
  return { single: [...logits.slice(0, 4)], others: [...logits.slice(4)], score: predictedIou[0] };
}

test("a stable single mask stays, and so does an empty one", () => {
  expect(four([5, 5, -1, -1])).toMatchObject({ single: [5, 5, -1, -1], score: Math.fround(0.1) });
  expect(four([-1, -1, -1, -1])).toMatchObject({ single: [-1, -1, -1, -1] });
});

test("an unstable one gives way to the best of the others, which stay", () => {
  expect(four([5, 0.01, -1, -1])).toEqual({
    single: [2, 2, 2, 2],
    others: [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3],
    score: Math.fround(0.9),
  });
});

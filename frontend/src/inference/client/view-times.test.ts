import { describe, expect, it } from "vitest";

import { ViewTimes } from "./view-times";

describe("times of views", () => {
  it("lets as many views answer as fit, and one at least", () => {
    const times = new ViewTimes();
    expect(times.viewsWithin(50)).toBe(Infinity);
    times.begin(20);
    expect(times.viewsWithin(50)).toBe(2);
    times.begin(16);
    expect(times.viewsWithin(50)).toBe(3);
    times.begin(400);
    expect(times.viewsWithin(50)).toBe(1);
  });

  it("goes by the median of the last decodings, not by one that was slow", () => {
    const times = new ViewTimes();
    times.begin(90);
    for (const ms of [80, 15, 15, 14, 300, 15]) times.note(ms);
    expect(times.medianMs).toBe(15);
    for (let i = 0; i < 9; i++) times.note(30);
    expect(times.medianMs).toBe(30);
  });
});

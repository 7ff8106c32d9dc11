import { describe, expect, it } from "vitest";
import { ActiveClock, IDLE_AFTER_MS } from "./active-clock";

function clockAt(times: readonly number[]): ActiveClock {
  let now = 0;
  const clock = new ActiveClock(() => now);
  for (const time of times) {
    now = time;
    clock.touch();
  }
  return clock;
}

describe("active time", () => {
  it("is the time between signs of life", () => {
    expect(clockAt([0, 1_000, 8_000, 20_000]).activeMs).toBe(20_000);
  });

  it("leaves pauses over 30 s out", () => {
    expect(IDLE_AFTER_MS).toBe(30_000);
    expect(clockAt([0, 30_000, 60_001, 61_001]).activeMs).toBe(31_000);
  });

  it("starts anew when it is taken", () => {
    const clock = clockAt([0, 4_000]);
    expect([clock.take(), clock.activeMs]).toEqual([4_000, 0]);
  });
});

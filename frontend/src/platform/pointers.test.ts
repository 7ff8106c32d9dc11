import { expect, it } from "vitest";

import { holdPointer, placesOf } from "./pointers";

const event = (coalesced?: unknown) => ({ getCoalescedEvents: coalesced }) as unknown as PointerEvent;

it("gives the merged places, and the event itself where there are none or the browser does not tell", () => {
  const [first, second] = [event(), event()];
  expect(placesOf(event(() => [first, second]))).toEqual([first, second]);
  const alone = event(() => []);
  expect(placesOf(alone)).toEqual([alone]);
  const safari = event();
  expect(placesOf(safari)).toEqual([safari]);
});

it("takes it that a pointer that is up cannot be held", () => {
  const gone = {
    setPointerCapture: () => {
      throw new DOMException("No active pointer", "NotFoundError");
    },
  };
  expect(() => holdPointer(gone as unknown as Element, 1)).not.toThrow();
});

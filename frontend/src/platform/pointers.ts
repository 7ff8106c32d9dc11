/** What pointer events offer on some browsers and origins only. */

/**
 * Every place a pointer was at since its last event, oldest first, at least the event itself. Browsers merge the moves
 * between two frames; Safari before 18.2 and pages over plain http cannot say what was merged.
 */
export function placesOf(event: PointerEvent): readonly PointerEvent[] {
  if (typeof event.getCoalescedEvents !== "function") return [event];
  const merged = event.getCoalescedEvents();
  return merged.length > 0 ? merged : [event];
}

/** Send the pointer's later events to the element, wherever it goes. A pointer that is up already cannot be held. */
export function holdPointer(element: Element, pointerId: number): void {
  try {
    element.setPointerCapture(pointerId);
  } catch {
    // The pointer is up, or was never down (a script's event): there is nothing to hold.
  }
}

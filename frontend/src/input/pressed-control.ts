/**
 * Remembers which control a mouse, finger or pen pressed last. Whoever presses a label with the mouse goes on with the
 * canvas: Enter keeps the mask then and does not press the label again. Whoever came to a control by the keyboard
 * presses it by the keyboard. Knows nothing of what keys mean.
 */
const PRESSED = "button, a, input, select, summary, label";

export class PressedControl {
  private control: Element | null = null;

  constructor(page: Document, surface: HTMLElement, signal: AbortSignal) {
    const options = { signal, capture: true };
    page.addEventListener("pointerdown", ({ target }) => (this.control = controlOf(target)), options);
    page.addEventListener("focusout", ({ target }) => this.holds(target) && (this.control = null), options);
    // A list that was chosen from would take letters and digits for its entries.
    page.addEventListener("change", ({ target }) => this.isListChosenFrom(target) && surface.focus(), { signal });
  }

  /** True when the element is, or lies in, the control that a pointer pressed last. */
  holds(element: EventTarget | null): boolean {
    return element instanceof Node && this.control !== null && this.control.contains(element);
  }

  private isListChosenFrom(element: EventTarget | null): boolean {
    return element instanceof HTMLSelectElement && this.holds(element) && element.closest("dialog") === null;
  }
}

function controlOf(target: EventTarget | null): Element | null {
  return target instanceof Element ? target.closest(PRESSED) : null;
}

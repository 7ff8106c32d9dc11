/** Follows the size of an element. */

/** Call `onChange` now or soon, and whenever the element's size changes; returns how to stop. */
export function watchSize(element: Element, onChange: () => void): () => void {
  if (typeof globalThis.ResizeObserver === "function") {
    const observer = new ResizeObserver(() => onChange());
    observer.observe(element);
    return () => observer.disconnect();
  }
  // Panels that are dragged are missed until the window changes; pointers end somewhere, so that is when to look.
  const unwatch = new AbortController();
  for (const type of ["resize", "pointerup", "keyup"]) addEventListener(type, onChange, { signal: unwatch.signal });
  queueMicrotask(onChange);
  return () => unwatch.abort();
}

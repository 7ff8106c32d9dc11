/** Carries the browser's pointers, wheel and keys to the pure handlers in input/, and their effects to the editor. */
import { screenPoint, type ScreenPoint } from "../../geometry/types";
import { chordOf } from "../../input/keymap";
import { PointerRouter, type PointerEffect, type RawPointer } from "../../input/pointer-router";
import { PressedControl } from "../../input/pressed-control";
import { readWheel } from "../../input/wheel";
import { holdPointer, placesOf } from "../../platform/pointers";

export interface InputTarget {
  onPan(dx: number, dy: number): void;
  onZoom(anchor: ScreenPoint, factor: number): void;
  onTool(phase: "down" | "move" | "up" | "cancel", event: PointerEvent, at: ScreenPoint, button: 0 | 2): void;
  onCandidate(steps: 1 | -1): void;
  /** A key outside of text fields; true when it meant something. */
  onKey(chord: string, event: KeyboardEvent): boolean;
  /** Space is a tool of its own while the keyboard's cursor is out. */
  readonly isSpaceTaken: boolean;
}

export function bindInput(surface: HTMLElement, target: InputTarget): () => void {
  const router = new PointerRouter();
  const unbind = new AbortController();
  const options = { signal: unbind.signal };
  const pressed = new PressedControl(document, surface, unbind.signal);
  for (const type of ["down", "move", "up", "cancel", "leave"] as const) {
    surface.addEventListener(`pointer${type}`, (event) => handlePointer(surface, router, target, type, event), options);
  }
  surface.addEventListener("contextmenu", (event) => event.preventDefault(), options);
  surface.addEventListener("wheel", (event) => handleWheel(surface, target, event), { ...options, passive: false });
  const isControl = (at: EventTarget | null): boolean => isControlOf(surface, at) && !pressed.holds(at);
  window.addEventListener("keydown", (event) => handleKey(surface, router, target, isControl, event), options);
  window.addEventListener("keyup", (event) => releaseSpace(surface, router, event), options);
  window.addEventListener("blur", () => releaseSpace(surface, router, null), options);
  return () => unbind.abort();
}

function handlePointer(
  surface: HTMLElement,
  router: PointerRouter,
  target: InputTarget,
  type: RawPointer["type"],
  event: PointerEvent,
): void {
  if (type === "down") {
    surface.focus({ preventScroll: true });
    holdPointer(surface, event.pointerId);
    event.preventDefault();
  }
  // Between two frames a fast mouse or pen reports many places; strokes need all of them.
  for (const one of type === "move" ? placesOf(event) : [event]) {
    for (const effect of router.handle(rawPointer(surface, type, one))) deliver(target, effect, one);
  }
}

function rawPointer(surface: HTMLElement, type: RawPointer["type"], event: PointerEvent): RawPointer {
  const device = event.pointerType === "pen" || event.pointerType === "touch" ? event.pointerType : "mouse";
  const at = placeOf(surface, event);
  return { id: event.pointerId, type, at, button: event.button, device, timeMs: event.timeStamp };
}

function deliver(target: InputTarget, effect: PointerEffect, event: PointerEvent): void {
  switch (effect.kind) {
    case "pan":
      target.onPan(effect.dx, effect.dy);
      return;
    case "zoom":
      target.onZoom(effect.anchor, effect.factor);
      return;
    case "tool":
      target.onTool(effect.phase, event, effect.at, effect.button);
  }
}

function handleWheel(surface: HTMLElement, target: InputTarget, event: WheelEvent): void {
  event.preventDefault();
  const { deltaX, deltaY, deltaMode, ctrlKey, shiftKey, altKey } = event;
  const raw = {
    at: placeOf(surface, event),
    deltaX,
    deltaY,
    deltaMode,
    isCtrl: ctrlKey,
    isShift: shiftKey,
    isAlt: altKey,
  };
  for (const effect of readWheel(raw)) {
    if (effect.kind === "candidate") target.onCandidate(effect.steps);
    else if (effect.kind === "zoom") target.onZoom(effect.anchor, effect.factor);
    else if (effect.kind === "pan") target.onPan(effect.dx, effect.dy);
  }
}

function handleKey(
  surface: HTMLElement,
  router: PointerRouter,
  target: InputTarget,
  isControl: (at: EventTarget | null) => boolean,
  event: KeyboardEvent,
): void {
  if (event.isComposing || isTyping(event.target)) return;
  const isSpace = event.code === "Space";
  // Enter, Space and Tab belong to a control that the keyboard came to before they belong to the canvas.
  if ((isSpace || event.key === "Enter" || event.key === "Tab") && isControl(event.target)) return;
  if (event.key.startsWith("Arrow") && event.target instanceof HTMLInputElement) return;
  if (isSpace && !target.isSpaceTaken) {
    router.isSpaceHeld = true;
    surface.dataset["panning"] = "true";
    event.preventDefault();
    return;
  }
  const { key, code, ctrlKey, altKey, shiftKey, metaKey } = event;
  const chord = chordOf({ key, code, isCtrl: ctrlKey, isAlt: altKey, isShift: shiftKey, isMeta: metaKey });
  if (target.onKey(chord, event)) event.preventDefault();
}

function releaseSpace(surface: HTMLElement, router: PointerRouter, event: KeyboardEvent | null): void {
  if (event && event.code !== "Space") return;
  // Some browsers press a focused button when Space comes up.
  if (router.isSpaceHeld) event?.preventDefault();
  router.isSpaceHeld = false;
  delete surface.dataset["panning"];
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !["range", "checkbox", "radio", "button"].includes(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable;
}

function isControlOf(surface: HTMLElement, target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement) || target === surface) return false;
  return target.closest("button, a, input, select, summary, [role=row], [role=dialog]") !== null;
}

function placeOf(surface: HTMLElement, event: MouseEvent): ScreenPoint {
  const box = surface.getBoundingClientRect();
  return screenPoint(event.clientX - box.left, event.clientY - box.top);
}

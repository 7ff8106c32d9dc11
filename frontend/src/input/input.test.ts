import { describe, expect, it } from "vitest";

import { ACTION_LIST } from "../model/actions";
import { actionFor, chordOf, DEFAULT_BINDINGS, LEFT_HANDED_BINDINGS, mergeBindings } from "./keymap";
import { PointerRouter, type RawPointer } from "./pointer-router";
import { readWheel } from "./wheel";

const raw = (type: RawPointer["type"], x: number, y: number, rest: Partial<RawPointer> = {}): RawPointer => ({
  id: 1,
  type,
  at: { x, y },
  button: 0,
  device: "mouse",
  timeMs: 10_000,
  ...rest,
});

describe("pointers", () => {
  it("go to the tool, with their button", () => {
    const router = new PointerRouter();
    expect(router.handle(raw("down", 1, 2, { button: 2 }))).toEqual([
      { kind: "tool", phase: "down", at: { x: 1, y: 2 }, button: 2 },
    ]);
    expect(router.handle(raw("up", 3, 4))[0]).toMatchObject({ phase: "up", button: 2 });
  });

  it("pan with the middle button or Space", () => {
    const router = new PointerRouter();
    router.handle(raw("down", 0, 0, { button: 1 }));
    expect(router.handle(raw("move", 5, 7))).toEqual([{ kind: "pan", dx: 5, dy: 7 }]);
    expect(router.handle(raw("up", 5, 7))).toEqual([]);
    router.isSpaceHeld = true;
    expect(router.handle(raw("down", 0, 0))).toEqual([]);
    expect(router.handle(raw("move", 2, 0))).toEqual([{ kind: "pan", dx: 2, dy: 0 }]);
  });

  it("pinch with two fingers, taking back what the first began", () => {
    const router = new PointerRouter();
    const finger = (id: number) => ({ id, device: "touch" as const });
    router.handle(raw("down", 0, 0, finger(1)));
    expect(router.handle(raw("down", 100, 0, finger(2)))[0]).toMatchObject({ kind: "tool", phase: "cancel" });
    const [zoom, pan] = router.handle(raw("move", 200, 0, finger(2)));
    expect(zoom).toEqual({ kind: "zoom", anchor: { x: 100, y: 0 }, factor: 2 });
    expect(pan).toEqual({ kind: "pan", dx: 50, dy: 0 });
    router.handle(raw("up", 200, 0, finger(2)));
    expect(router.handle(raw("up", 0, 0, finger(1)))).toEqual([]);
    expect(router.handle(raw("down", 0, 0, finger(3)))[0]).toMatchObject({ phase: "down" });
  });

  it("take a touch soon after the pen for the palm", () => {
    const router = new PointerRouter();
    router.handle(raw("down", 0, 0, { device: "pen" }));
    router.handle(raw("up", 0, 0, { device: "pen" }));
    expect(router.handle(raw("down", 0, 0, { id: 2, device: "touch", timeMs: 10_500 }))).toEqual([]);
    expect(router.handle(raw("move", 9, 9, { id: 2, device: "touch", timeMs: 10_550 }))).toEqual([]);
    router.handle(raw("up", 0, 0, { id: 2, device: "touch", timeMs: 10_600 }));
    expect(router.handle(raw("down", 0, 0, { id: 3, device: "touch", timeMs: 20_000 }))[0]).toMatchObject({
      phase: "down",
    });
  });

  it("let the pen draw on while the palm lies beside it", () => {
    const router = new PointerRouter();
    router.handle(raw("down", 0, 0, { device: "pen" }));
    const palm = { id: 2, device: "touch" as const };
    expect(router.handle(raw("down", 80, 80, palm))).toEqual([]);
    expect(router.handle(raw("move", 90, 80, palm))).toEqual([]);
    expect(router.handle(raw("move", 5, 0, { device: "pen" }))[0]).toMatchObject({ phase: "move", at: { x: 5, y: 0 } });
    expect(router.handle(raw("up", 90, 80, palm))).toEqual([]);
    expect(router.handle(raw("up", 5, 0, { device: "pen" }))[0]).toMatchObject({ phase: "up" });
  });

  it("let the pen take over from a palm that lay down first", () => {
    const router = new PointerRouter();
    const palm = { id: 2, device: "touch" as const };
    expect(router.handle(raw("down", 80, 80, palm))[0]).toMatchObject({ phase: "down" });
    const effects = router.handle(raw("down", 0, 0, { id: 3, device: "pen" }));
    expect(effects.map((effect) => effect.kind === "tool" && effect.phase)).toEqual(["cancel", "down"]);
    expect(router.handle(raw("move", 90, 80, palm))).toEqual([]);
    expect(router.handle(raw("move", 4, 0, { id: 3, device: "pen" }))[0]).toMatchObject({ phase: "move" });
  });
});

it("reads the wheel as zoom, sideways as pan, with Alt as candidates", () => {
  const wheel = {
    at: { x: 0, y: 0 },
    deltaX: 0,
    deltaY: 100,
    deltaMode: 0,
    isCtrl: false,
    isShift: false,
    isAlt: false,
  };
  const [zoom] = readWheel(wheel);
  expect(zoom.kind === "zoom" && zoom.factor).toBeCloseTo(0.835, 3);
  expect(readWheel({ ...wheel, isAlt: true })).toEqual([{ kind: "candidate", steps: 1 }]);
  expect(readWheel({ ...wheel, isShift: true })).toEqual([{ kind: "pan", dx: -100, dy: 0 }]);
  expect(readWheel({ ...wheel, deltaX: 200 })).toEqual([{ kind: "pan", dx: -200, dy: -100 }]);
});

describe("keys", () => {
  const key = (name: string, code: string, rest = {}) =>
    chordOf({ key: name, code, isCtrl: false, isAlt: false, isShift: false, isMeta: false, ...rest });

  it("go by their place for letters and digits, whatever the layout types", () => {
    expect(key("ㅔ", "KeyP")).toBe("P");
    expect(key("Z", "KeyZ", { isCtrl: true, isShift: true })).toBe("Mod+Shift+Z");
    expect(key("!", "Digit1", { isShift: true })).toBe("Shift+1");
  });

  it("go by what they type for signs", () => {
    expect(key("?", "Slash", { isShift: true })).toBe("?");
    expect(key("Tab", "Tab", { isShift: true })).toBe("Shift+Tab");
    expect(key(" ", "Space")).toBe("Space");
  });

  it("mean one action each, in both sets", () => {
    for (const bindings of [DEFAULT_BINDINGS, LEFT_HANDED_BINDINGS]) {
      const chords = Object.values(bindings).flat();
      expect(chords.filter((chord, i) => chords.indexOf(chord) !== i)).toEqual([]);
      for (const { id } of ACTION_LIST) expect(actionFor(bindings, bindings[id][0])).toBe(id);
    }
  });

  it("bound anew are taken from what had them", () => {
    const bindings = mergeBindings(DEFAULT_BINDINGS, { toolBrush: ["P"] });
    expect(actionFor(bindings, "P")).toBe("toolBrush");
    expect(bindings.toolPoints).toEqual([]);
    expect(actionFor(bindings, "R")).toBeNull();
  });
});

import { describe, expect, it } from "vitest";

import { BrushTool } from "./brush-tool";
import { FakePort, pointer } from "./fake-port";
import { LassoTool } from "./lasso-tool";
import { PromptTool } from "./prompt-tool";
import { SelectTool } from "./select-tool";

describe("points and boxes", () => {
  it("take a click for foreground, right and Alt clicks for background", () => {
    const port = new FakePort();
    const tool = new PromptTool("points", port);
    pointer(tool).click(10, 10);
    pointer(tool, { button: 2 }).click(20, 20);
    pointer(tool, { isAlt: true }).click(30, 30);
    expect(port.calls).toEqual(["hover 10 10", "addPoint 10 10 1", "addPoint 20 20 0", "addPoint 30 30 0"]);
  });

  it("still click when the hand trembles, and draw a box when it drags", () => {
    const port = new FakePort();
    const tool = new PromptTool("points", port);
    pointer(tool).down(10, 10).move(12, 12).up(12, 12);
    pointer(tool).down(50, 40).move(30, 20).up(10, 5);
    expect(port.calls).toEqual(["hover 10 10", "addPoint 10 10 1", "hover 50 40", "setBox 10 5 50 40"]);
  });

  it("measure a drag on the screen, not on the photo", () => {
    const port = new FakePort();
    port.scale = 0.1;
    pointer(new PromptTool("points", port)).down(10, 10).move(40, 10).up(40, 10);
    expect(port.calls).toEqual(["hover 10 10", "addPoint 10 10 1"]);
  });

  it("take a point away by a click and move it by a drag", () => {
    const port = new FakePort().withPoint(100, 100);
    const tool = new PromptTool("points", port);
    pointer(tool).click(103, 98);
    pointer(tool).down(100, 100).move(120, 100).move(130, 110).up(130, 110);
    expect(port.calls).toEqual([
      "removePrompt 0",
      "beginPointDrag",
      "dragPoint 0 120 100",
      "dragPoint 0 130 110",
      "endPointDrag",
    ]);
  });

  it("put a dragged point back when cancelled, and are at rest again", () => {
    const port = new FakePort().withPoint(100, 100);
    const tool = new PromptTool("points", port);
    pointer(tool).down(100, 100).move(120, 100);
    expect(tool.isBusy()).toBe(true);
    tool.cancel();
    pointer(tool).up(120, 100);
    expect(port.calls.slice(-1)).toEqual(["cancelGesture"]);
    expect(tool.isBusy()).toBe(false);
  });

  it("ask for a preview while nothing is pressed", () => {
    const port = new FakePort();
    pointer(new PromptTool("points", port)).move(5, 6);
    expect(port.calls).toEqual(["hover 5 6"]);
  });
});

describe("fingers and pens, which have no second button", () => {
  it("say with the option what a tap means, and the other button means the other", () => {
    const port = new FakePort();
    port.brush = { ...port.brush, promptLabel: 0 };
    pointer(new PromptTool("points", port), { device: "touch" }).click(5, 5);
    pointer(new PromptTool("points", port), { button: 2 }).click(6, 6);
    expect(port.calls.filter((call) => call.startsWith("addPoint"))).toEqual(["addPoint 5 5 0", "addPoint 6 6 1"]);
  });

  it("select several with the option", () => {
    const port = new FakePort();
    port.brush = { ...port.brush, isSelectingSeveral: true };
    pointer(new SelectTool("select", port), { device: "touch" }).click(5, 5);
    expect(port.calls).toEqual(["pick 5 5 true"]);
  });
});

it("comments where one clicks, and pans by drag", () => {
  const port = new FakePort();
  pointer(new SelectTool("comment", port)).click(7, 8).down(0, 0).move(20, 0).up(20, 0);
  expect(port.calls).toEqual(["commentAt 7 8", "panBy 20 0"]);
});

describe("select", () => {
  it("picks by click and pans by drag", () => {
    const port = new FakePort();
    const tool = new SelectTool("select", port);
    pointer(tool).click(10, 10);
    pointer(tool, { isShift: true }).click(20, 20);
    pointer(tool).down(10, 10).move(30, 15).up(30, 15);
    expect(port.calls).toEqual(["pick 10 10 false", "pick 20 20 true", "panBy 20 5"]);
  });
});

describe("brush and eraser", () => {
  it("paint from dab to dab as one stroke", () => {
    const port = new FakePort();
    pointer(new BrushTool("brush", port)).down(10, 10).move(20, 10).up(20, 10);
    expect(port.calls).toEqual([
      "beginStroke false",
      "extendStroke 10 10 10 10 5",
      "extendStroke 10 10 20 10 5",
      "endStroke",
    ]);
  });

  it("draw straight from the last stroke's end with Shift", () => {
    const port = new FakePort();
    const tool = new BrushTool("brush", port);
    pointer(tool).click(10, 10);
    pointer(tool, { isShift: true }).click(50, 90);
    expect(port.calls).toContain("extendStroke 10 10 50 90 5");
  });

  it("swap with Alt and with the right button", () => {
    const port = new FakePort();
    pointer(new BrushTool("brush", port), { isAlt: true }).click(1, 1);
    pointer(new BrushTool("eraser", port), { button: 2 }).click(1, 1);
    expect(port.calls.filter((call) => call.startsWith("beginStroke"))).toEqual([
      "beginStroke true",
      "beginStroke false",
    ]);
  });

  it("feel a pen's pressure, and ignore it when asked to", () => {
    const port = new FakePort();
    pointer(new BrushTool("brush", port), { device: "pen", pressure: 1 }).click(1, 1);
    pointer(new BrushTool("brush", port), { device: "pen", pressure: 0 }).click(1, 1);
    port.brush = { ...port.brush, hasPressure: false };
    pointer(new BrushTool("brush", port), { device: "pen", pressure: 0 }).click(1, 1);
    const radii = port.calls.filter((call) => call.startsWith("extendStroke")).map((call) => call.split(" ").at(-1));
    expect(radii).toEqual(["5", "1.5", "5"]);
  });

  it("leave nothing of a cancelled stroke", () => {
    const port = new FakePort();
    const tool = new BrushTool("brush", port);
    pointer(tool).down(10, 10);
    tool.cancel();
    pointer(tool).up(10, 10);
    expect(port.calls.slice(-1)).toEqual(["cancelGesture"]);
  });
});

describe("lasso", () => {
  it("closes on its first corner, on Enter, and on a freehand release", () => {
    const port = new FakePort();
    const tool = new LassoTool(port);
    pointer(tool).click(0, 0).click(40, 0).click(40, 40).click(1, 1);
    pointer(tool).click(0, 0).click(40, 0).click(40, 40);
    expect(tool.confirm()).toBe(true);
    pointer(tool).down(0, 0).move(40, 0).move(40, 40).up(40, 40);
    expect(port.calls).toEqual(["applyLasso 3 add", "applyLasso 3 add", "applyLasso 3 add"]);
  });

  it("subtracts with Alt and needs three corners for an area, two for a split", () => {
    const port = new FakePort();
    const tool = new LassoTool(port);
    pointer(tool, { isAlt: true }).click(0, 0).click(40, 0).click(40, 40);
    tool.confirm();
    pointer(tool).click(0, 0).click(40, 0);
    tool.confirm();
    port.brush = { ...port.brush, lassoMode: "split" };
    pointer(tool).click(0, 0).click(40, 0);
    tool.confirm();
    expect(port.calls).toEqual(["applyLasso 3 subtract", "applyLasso 2 split"]);
  });

  it("uses Enter only while it is at work", () => {
    expect(new LassoTool(new FakePort()).confirm()).toBe(false);
  });
});

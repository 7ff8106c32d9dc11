import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { LatencySample, WorkspaceApi } from "../../api/workspace-api";
import { DEFAULT_BINDINGS } from "../../input/keymap";
import { makeStores } from "../state/stores";
import { LatencyLog } from "./latency-log";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
  vi.stubGlobal("requestAnimationFrame", (draw: () => void) => void frames.push(draw));
  frames = [];
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

let frames: (() => void)[];

function bench() {
  const stores = makeStores(DEFAULT_BINDINGS, "en", null);
  const sent: LatencySample[] = [];
  const api = {
    sendLatency: (_: number, samples: LatencySample[]) => Promise.resolve(void sent.push(...samples)),
  };
  let onVisibility = (): void => undefined;
  const page = {
    hidden: false,
    addEventListener: (_: string, listener: () => void) => {
      onVisibility = listener;
    },
  };
  const log = new LatencyLog(1, api as unknown as WorkspaceApi, stores, page as unknown as Document);
  const open = (name: string, modelVersion = "m-1", isAccelerated = true): void =>
    stores.engine.update((engine) => ({ ...engine, name, modelVersion, isAccelerated, state: "ready" }));
  const click = (ms: number, meanwhile: () => void = () => undefined): void => {
    const askedAt = performance.now();
    vi.advanceTimersByTime(ms);
    meanwhile();
    log.notePaint(askedAt);
    for (const draw of frames.splice(0)) draw();
  };
  const hide = (hidden: boolean): void => {
    page.hidden = hidden;
    onVisibility();
  };
  return { stores, sent, log, open, click, hide, shown: () => stores.engine.get().clickToPaint };
}

describe("the median from click to painted mask", () => {
  it("is not said of a few clicks: the first one is not like the others", () => {
    const { open, click, shown } = bench();
    open("wasm");
    click(900);
    for (let i = 0; i < 3; i++) click(40);
    expect(shown()).toBeNull();
    click(50);
    expect(shown()).toEqual({ p50Ms: 40, p95Ms: 900 });
  });

  it("leaves out clicks that waited for the engine to open", () => {
    const { open, click, shown, stores } = bench();
    for (let i = 0; i < 5; i++) click(5_000, () => open("wasm"));
    expect(shown()).toEqual(null);
    for (let i = 0; i < 5; i++) click(40);
    expect(shown()?.p50Ms).toBe(40);
    stores.engine.update((engine) => ({ ...engine, state: "loading" }));
    for (let i = 0; i < 9; i++) click(7_000);
    expect(shown()?.p50Ms).toBe(40);
  });

  it("leaves out clicks whose page could not be seen meanwhile", () => {
    const { open, click, hide, shown } = bench();
    open("wasm");
    for (let i = 0; i < 5; i++) click(40);
    for (let i = 0; i < 9; i++) {
      click(60_000, () => {
        hide(true);
        hide(false);
      });
    }
    hide(true);
    click(30_000);
    expect(shown()).toEqual({ p50Ms: 40, p95Ms: 40 });
  });

  it("is of one engine: another one begins anew", () => {
    const { open, click, shown } = bench();
    open("wasm");
    for (let i = 0; i < 5; i++) click(400);
    open("webgpu");
    expect(shown()).toBeNull();
    for (let i = 0; i < 5; i++) click(20);
    expect(shown()?.p95Ms).toBe(20);
  });

  it("is of one model: one without an accelerator has figures of its own", () => {
    const { open, click, log, sent, shown } = bench();
    open("wasm");
    for (let i = 0; i < 5; i++) click(40);
    open("wasm", "m-2", false);
    expect(shown()).toBeNull();
    for (let i = 0; i < 5; i++) click(90);
    expect(shown()?.p50Ms).toBe(90);
    open("webgpu", "m-2", false);
    for (let i = 0; i < 10; i++) log.noteDecode("hover", 9);
    const told = sent.map(({ engine, model_version }) => `${model_version} ${engine}`);
    expect([...new Set(told)]).toEqual(["m-1 wasm", "m-2 wasm plain", "m-2 webgpu"]);
  });
});

// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { HttpClient } from "../api/http";
import type { SaveReport, SaveStatus } from "../api/save-report";
import type { Translator } from "../i18n/translate";
import { showUnsaved } from "./banner";

const translator = { t: (key: string) => key } as unknown as Translator;
const http = { get: () => new Promise(() => undefined) } as unknown as HttpClient;
let place: HTMLElement;

function show(status: SaveStatus, operations: number): void {
  const report: SaveReport = { status, operations, masks: new Map(), refused: [], isKept: true };
  showUnsaved({ place, http, translator, report });
}

beforeEach(() => {
  vi.useFakeTimers();
  place = document.createElement("div");
  place.hidden = true;
});
afterEach(() => void vi.useRealTimers());

describe("the strip of what is not saved", () => {
  it("comes only when sending takes a while, and says nothing any more once all is saved", () => {
    show("saving", 1);
    expect(place.hidden).toBe(true);
    vi.advanceTimersByTime(1_000);
    expect(place.hidden).toBe(false);
    expect(place.dataset["saveState"]).toBe("saving");
    show("saved", 0);
    expect(place.hidden).toBe(true);
    expect(place.dataset["saveState"]).toBeUndefined();
  });

  it("says at once what stands in the way", () => {
    show("busy", 1);
    expect(place.hidden).toBe(false);
    expect(place.dataset["saveState"]).toBe("busy");
  });
});

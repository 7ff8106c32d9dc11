import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { EmbeddingRef } from "../../model/embedding-views";
import { CropEmbeddings, holdsAll } from "./crop-embeddings";

const PART = { x0: 10, y0: 20, x1: 110, y1: 120 };
const PHOTO = { width: 640, height: 480 };
const PENDING = { key: "k", status: "pending", url: null };
const READY = { key: "k", status: "ready", url: "/k.npy" };

type Ask = ConstructorParameters<typeof CropEmbeddings>[2];
let ask: ReturnType<typeof vi.fn<Ask>>;
let crops: CropEmbeddings;
let ready: EmbeddingRef[];

beforeEach(() => {
  vi.useFakeTimers();
  ask = vi.fn<Ask>().mockResolvedValue(READY);
  ready = [];
  crops = new CropEmbeddings(7, PHOTO, ask, (source) => ready.push(source));
});

afterEach(() => {
  vi.useRealTimers();
});

const click = (x: number) => ({ kind: "point", point: { x, y: 60 }, label: 1 }) as const;
const fetch = (signal = new AbortController().signal) => crops.fetch({ box: PART, isFlipped: true }, 8_000, signal);

describe("the embedding of a crop", () => {
  it("is asked for until it is there, told once, and kept", async () => {
    ask.mockResolvedValueOnce(PENDING).mockResolvedValueOnce(PENDING);
    const fetching = fetch();
    await vi.runAllTimersAsync();
    const source = { imageId: 7, key: "k", url: "/k.npy", cropBox: PART, isFlipped: true };
    expect(await fetching).toEqual(source);
    expect(ask.mock.calls).toEqual(Array(3).fill([PART, true]));
    expect(await fetch()).toEqual(source);
    expect(ask).toHaveBeenCalledTimes(3);
    expect(ready).toEqual([source]);
  });

  it("may be that of the whole photo flipped, which stays however many crops are asked for", async () => {
    const whole = { x0: 0, y0: 0, x1: 640, y1: 480 };
    crops.prepare({ box: null, isFlipped: true });
    await vi.runAllTimersAsync();
    for (let x0 = 0; x0 < 60; x0++) await crops.fetch({ box: { ...PART, x0 }, isFlipped: false }, 8_000);
    crops.prepare({ box: null, isFlipped: true });
    expect(ask.mock.calls.filter(([box]) => box.x1 === 640)).toEqual([[whole, true]]);
    expect(crops.viewsFor([]).filter(({ isFlipped }) => isFlipped)).toHaveLength(1);
  });

  it("takes part in answers to prompts that all lie in it; that of the photo in any", async () => {
    await fetch();
    await crops.fetch({ box: null, isFlipped: true }, 8_000);
    const boxes = (x: number) => crops.viewsFor([click(100), click(x)]).map(({ cropBox }) => cropBox);
    expect(boxes(110)).toEqual([PART, null]);
    expect(boxes(111)).toEqual([null]);
    expect(holdsAll(PART, [click(100), click(111)])).toBe(false);
  });

  it("is waited for no longer than asked", async () => {
    ask.mockResolvedValue(PENDING);
    const fetching = fetch();
    await vi.advanceTimersByTimeAsync(9_000);
    expect(await fetching).toBeNull();
    const asked = ask.mock.calls.length;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ask).toHaveBeenCalledTimes(asked);
  });

  it.each([
    ["it cannot be made", () => ask.mockResolvedValue({ ...PENDING, status: "failed" })],
    ["the photo is closed", () => crops.close()],
  ])("is nothing when %s", async (_, spoil) => {
    ask.mockResolvedValueOnce(PENDING);
    const fetching = fetch();
    spoil();
    await vi.runAllTimersAsync();
    expect(await fetching).toBeNull();
  });

  it("is not asked for again once nobody wants it", async () => {
    ask.mockResolvedValue(PENDING);
    const control = new AbortController();
    const fetching = fetch(control.signal);
    control.abort();
    await vi.runAllTimersAsync();
    expect(await fetching).toBeNull();
    expect(ask).toHaveBeenCalledOnce();
  });
});

describe("the tile under the pointer", () => {
  const [left, right] = [
    { x0: 0, y0: 0, x1: 384, y1: 480 },
    { x0: 256, y0: 0, x1: 640, y1: 480 },
  ];
  const move = (x: number) => crops.notePointer({ x, y: 240 }, [left, right]);

  it("is asked for once, where the pointer rests, and not what it sweeps over", async () => {
    for (const x of [600, 330, 300]) move(x);
    await vi.runAllTimersAsync();
    expect(ask.mock.calls).toEqual([[left, false]]);
    move(290);
    await vi.runAllTimersAsync();
    expect(ask).toHaveBeenCalledTimes(1);
    move(330);
    await vi.runAllTimersAsync();
    expect(ask.mock.calls[1]).toEqual([right, false]);
  });

  it("is asked for again after a refusal, and never of a photo without tiles", async () => {
    ask.mockRejectedValueOnce(new Error("refused"));
    move(100);
    await vi.runAllTimersAsync();
    move(100);
    await vi.runAllTimersAsync();
    expect(ask).toHaveBeenCalledTimes(2);
    crops.notePointer({ x: 1, y: 1 }, []);
    await vi.runAllTimersAsync();
    expect(ask).toHaveBeenCalledTimes(2);
  });
});

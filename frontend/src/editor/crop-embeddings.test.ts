import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { WorkspaceApi } from "../api/workspace-api";
import { CropEmbeddings, holdsAll } from "./crop-embeddings";

const PART = { x0: 10, y0: 20, x1: 110, y1: 120 };
const PHOTO = { width: 640, height: 480 };
const PENDING = { key: "k", status: "pending", url: null };
const READY = { key: "k", status: "ready", url: "/k.npy" };

let ask: ReturnType<typeof vi.fn<WorkspaceApi["cropEmbedding"]>>;
let crops: CropEmbeddings;

beforeEach(() => {
  vi.useFakeTimers();
  ask = vi.fn<WorkspaceApi["cropEmbedding"]>().mockResolvedValue(READY);
  crops = new CropEmbeddings(7, PHOTO, { cropEmbedding: ask } as unknown as WorkspaceApi, () => undefined);
});

afterEach(() => {
  vi.useRealTimers();
});

const MIRROR = { part: null, isMirrored: true };
const look = (signal = new AbortController().signal) => crops.lookAt({ part: PART, isMirrored: true }, signal);
const click = (x: number) => ({ kind: "point", point: { x, y: 60 }, label: 1 }) as const;

describe("the embedding of a part to look at", () => {
  it("is asked for until it is there, and kept", async () => {
    ask.mockResolvedValueOnce(PENDING).mockResolvedValueOnce(PENDING);
    const looking = look();
    await vi.runAllTimersAsync();
    const source = { imageId: 7, key: "k", url: "/k.npy", cropBox: PART, isMirrored: true };
    expect(await looking).toEqual(source);
    expect(ask.mock.calls).toEqual(Array(3).fill([7, PART, true]));
    expect(await look()).toEqual(source);
    expect(ask).toHaveBeenCalledTimes(3);
  });

  it("may be that of the whole photo, which stays however many parts are looked at", async () => {
    const whole = { x0: 0, y0: 0, x1: 640, y1: 480 };
    const mirror = { imageId: 7, key: "k", url: "/k.npy", cropBox: null, isMirrored: true };
    const near = (x0: number) => crops.lookAt({ part: { ...PART, x0 }, isMirrored: false });
    expect(await crops.lookAt(MIRROR)).toEqual(mirror);
    for (let x0 = 0; x0 < 40; x0++) await near(x0);
    expect(await crops.lookAt(MIRROR)).toEqual(mirror);
    expect(ask.mock.calls.filter(([, box]) => box.x1 === 640)).toEqual([[7, whole, true]]);
    await near(0);
    expect(ask).toHaveBeenCalledTimes(42);
  });

  it("is another one in a mirror", async () => {
    expect(await look()).toMatchObject({ cropBox: PART, isMirrored: true });
    expect(await crops.lookAt({ part: PART, isMirrored: false })).toMatchObject({ cropBox: PART, isMirrored: false });
    expect(ask.mock.calls.map(([, , isMirrored]) => isMirrored)).toEqual([true, false]);
  });

  it("serves prompts that all lie in it; that of the photo serves any", () => {
    expect(holdsAll(PART, [click(100), click(110)])).toBe(true);
    expect(holdsAll(PART, [click(100), click(111)])).toBe(false);
    expect(holdsAll(null, [click(111)])).toBe(true);
  });

  it("is not for the view: what one zooms in on has its own", async () => {
    await look();
    expect(crops.sourceFor([click(100)])).toBeNull();
  });

  it("is waited for no longer than a mask may still change", async () => {
    ask.mockResolvedValue(PENDING);
    const looking = look();
    await vi.advanceTimersByTimeAsync(9_000);
    expect(await looking).toBeNull();
    const asked = ask.mock.calls.length;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ask).toHaveBeenCalledTimes(asked);
  });

  it.each([
    ["it cannot be made", () => ask.mockResolvedValue({ ...PENDING, status: "failed" })],
    ["the photo is closed", () => crops.close()],
  ])("is nothing when %s", async (_, spoil) => {
    ask.mockResolvedValueOnce(PENDING);
    const looking = look();
    spoil();
    await vi.runAllTimersAsync();
    expect(await looking).toBeNull();
  });

  it("is not asked for again once nobody wants it", async () => {
    ask.mockResolvedValue(PENDING);
    const control = new AbortController();
    const looking = look(control.signal);
    control.abort();
    await vi.runAllTimersAsync();
    expect(await looking).toBeNull();
    expect(ask).toHaveBeenCalledOnce();
  });
});

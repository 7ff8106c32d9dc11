import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { WorkspaceApi } from "../api/workspace-api";
import { CropEmbeddings } from "./crop-embeddings";

const PART = { x0: 10, y0: 20, x1: 110, y1: 120 };
const PENDING = { key: "k", status: "pending", url: null };
const READY = { key: "k", status: "ready", url: "/k.npy" };

let ask: ReturnType<typeof vi.fn<WorkspaceApi["cropEmbedding"]>>;
let crops: CropEmbeddings;

beforeEach(() => {
  vi.useFakeTimers();
  ask = vi.fn<WorkspaceApi["cropEmbedding"]>().mockResolvedValue(READY);
  crops = new CropEmbeddings(7, { cropEmbedding: ask } as unknown as WorkspaceApi, () => undefined);
});

afterEach(() => {
  vi.useRealTimers();
});

const look = (signal = new AbortController().signal) => crops.lookAt(PART, signal);
const click = (x: number) => ({ kind: "point", point: { x, y: 60 }, label: 1 }) as const;

describe("the embedding of a part to look at", () => {
  it("is asked for until it is there, and kept", async () => {
    ask.mockResolvedValueOnce(PENDING).mockResolvedValueOnce(PENDING);
    const looking = look();
    await vi.runAllTimersAsync();
    const source = { imageId: 7, key: "k", url: "/k.npy", cropBox: PART };
    expect(await looking).toEqual(source);
    expect(ask.mock.calls).toEqual(Array(3).fill([7, PART]));
    expect(await look()).toEqual(source);
    expect(ask).toHaveBeenCalledTimes(3);
    expect(crops.lookedAt(PART, [click(100)])).toEqual(source);
    expect(crops.lookedAt(PART, [click(111)])).toBeNull();
    expect(crops.lookedAt({ ...PART, x0: 11 })).toBeNull();
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

import { describe, expect, it, vi } from "vitest";
import { ApiError } from "../../api/http";
import { AT_WORK_MS, LeaseKeeper } from "./lease-keeper";

function makeKeeper(heartbeat: (id: number) => Promise<unknown>) {
  const state = { imageId: 7 as number | null, now: 0, lost: 0 };
  const keeper = new LeaseKeeper({
    heartbeat,
    imageId: () => state.imageId,
    tellLost: () => {
      state.lost += 1;
    },
    now: () => state.now,
  });
  return { keeper, state };
}

describe("the claim on an image", () => {
  it("is kept alive while somebody is at work", async () => {
    const heartbeat = vi.fn().mockResolvedValue({});
    const { keeper, state } = makeKeeper(heartbeat);
    await keeper.beat();
    state.now = AT_WORK_MS + 1;
    await keeper.beat();
    keeper.touch();
    expect(heartbeat.mock.calls).toEqual([[7], [7]]);
    state.now += 1;
    keeper.touch();
    expect(heartbeat).toHaveBeenCalledTimes(2);
  });

  it("is asked about as soon as the network is back", () => {
    const network = new EventTarget();
    vi.stubGlobal("addEventListener", network.addEventListener.bind(network));
    vi.stubGlobal("removeEventListener", network.removeEventListener.bind(network));
    const heartbeat = vi.fn().mockResolvedValue({});
    const stop = makeKeeper(heartbeat).keeper.start();
    network.dispatchEvent(new Event("online"));
    expect(heartbeat).toHaveBeenCalledTimes(1);
    stop();
    network.dispatchEvent(new Event("online"));
    expect(heartbeat).toHaveBeenCalledTimes(1);
    vi.unstubAllGlobals();
  });

  it("is not asked for without an image", async () => {
    const heartbeat = vi.fn().mockResolvedValue({});
    const { keeper, state } = makeKeeper(heartbeat);
    state.imageId = null;
    await keeper.beat();
    expect(heartbeat).not.toHaveBeenCalled();
  });

  it("is told once when another person has the image", async () => {
    const heartbeat = vi.fn().mockRejectedValue(new ApiError(409, "held_by_other", "Ada is working on it.", null));
    const { keeper, state } = makeKeeper(heartbeat);
    await keeper.beat();
    await keeper.beat();
    expect(state.lost).toBe(1);
    state.imageId = 8;
    await keeper.beat();
    expect(state.lost).toBe(2);
  });

  it("survives a network that is away", async () => {
    const heartbeat = vi.fn().mockRejectedValue(new ApiError(0, "offline", "No network.", null));
    const { keeper, state } = makeKeeper(heartbeat);
    await keeper.beat();
    await keeper.beat();
    expect(state.lost).toBe(0);
    expect(heartbeat).toHaveBeenCalledTimes(2);
  });
});

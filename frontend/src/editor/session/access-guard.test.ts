import { describe, expect, it, vi } from "vitest";
import { ApiError, type HttpClient } from "../../api/http";
import { AccessGuard } from "./access-guard";

const GONE = new ApiError(404, "not_found", "There is no such image.", null);

function makeGuard(askProject: () => Promise<unknown>) {
  const told: string[] = [];
  const send = vi.fn<(method: string, path: string) => Promise<unknown>>();
  const http = { get: vi.fn(), getChanged: vi.fn(), send } as unknown as HttpClient;
  const guard = new AccessGuard({ imageId: () => 7, askProject, tell: (key) => told.push(key) });
  const post = async (path: string): Promise<void> => {
    await guard
      .watch(http)
      .send("POST", path)
      .catch(() => undefined);
    await new Promise((done) => setTimeout(done));
  };
  return { guard, told, send, post };
}

describe("the way to the open image", () => {
  it("says once that the person is no member any more, and again after the way was open between", async () => {
    const { told, send, post } = makeGuard(() => Promise.reject(GONE));
    send.mockRejectedValue(GONE);
    await post("/images/7/operations");
    await post("/images/7/lease");
    expect(told).toEqual(["notice.removed"]);
    send.mockResolvedValueOnce({});
    await post("/images/7/operations");
    await post("/images/7/operations");
    expect(told).toEqual(["notice.removed", "notice.removed"]);
  });

  it("tells a deleted image from a lost membership", async () => {
    const { told, send, post } = makeGuard(() => Promise.resolve({}));
    send.mockRejectedValue(GONE);
    await post("/images/7/operations");
    expect(told).toEqual(["notice.image.gone"]);
  });

  it("does not mind other images, nor a network that is away", async () => {
    const { told, send, post } = makeGuard(() => Promise.reject(GONE));
    send.mockRejectedValueOnce(GONE);
    await post("/images/70/operations");
    send.mockRejectedValueOnce(new ApiError(0, "unreachable", "No answer.", null));
    await post("/images/7/operations");
    expect(told).toEqual([]);
  });

  it("asks again where the project gave no answer, and passes refusals on", async () => {
    const askProject = vi.fn().mockRejectedValueOnce(new ApiError(0, "unreachable", "No answer.", null));
    askProject.mockRejectedValue(GONE);
    const { guard, told } = makeGuard(askProject);
    await guard.noteLoss();
    expect(told).toEqual([]);
    await guard.noteLoss();
    expect(told).toEqual(["notice.removed"]);
    const refusing = { send: () => Promise.reject(GONE) } as unknown as HttpClient;
    await expect(guard.watch(refusing).send("POST", "/images/7/submit")).rejects.toBe(GONE);
  });
});

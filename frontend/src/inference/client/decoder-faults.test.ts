import { beforeEach, describe, expect, it, vi } from "vitest";

import { SessionOnPage } from "../worker/session-on-page";
import { click, DecoderBench, EMBEDDING, ROUTES, SIZE } from "./decoder-bench";
import { fakeFetch, healthy, MANIFEST, type Behaviour } from "./decoder-fakes";

let bench: DecoderBench;

beforeEach(() => {
  bench = new DecoderBench();
  return () => bench.close();
});

describe("faults", () => {
  it("replaces a worker that dies and answers the click that killed it", async () => {
    const dying: Behaviour = (request, worker) => {
      if (request.type === "decode") worker.crash();
      return request.type === "decode" ? null : healthy(request, worker);
    };
    const client = bench.makeClient([dying, healthy]);
    await client.open("/models/manifest.json");
    expect((await client.decode(click(1))).engine).toBe("wasm-threads");
    expect(bench.workers).toHaveLength(2);
    expect(bench.workers[0].isTerminated).toBe(true);
    expect(bench.workers[1].types()).toEqual(["open", "prepare", "decode"]);
  });

  it("starts one worker for all that a dead one left unanswered", async () => {
    const client = bench.makeClient(healthy);
    await client.open("/models/manifest.json");
    const { candidates, mask } = await client.decode({ ...click(1), step: 4, isExact: true });
    await mask;
    bench.workers[0].crash();
    const asked = { logits: candidates[1].maskLogits, originalSize: SIZE, cropBox: null };
    const answers = [client.decode(click(1)), client.mask(asked), client.mask(asked)];
    await Promise.all(answers);
    expect(bench.workers.map(({ isTerminated }) => isTerminated)).toEqual([true, false]);
  });

  it("starts a new worker after running out of memory", async () => {
    const full: Behaviour = (request, worker) =>
      request.type === "decode"
        ? { type: "error", id: request.id, code: "out_of_memory", message: "no memory" }
        : healthy(request, worker);
    const client = bench.makeClient([full, healthy]);
    await client.open("/models/manifest.json");
    await expect(client.decode(click(1))).resolves.toMatchObject({ engine: "wasm-threads" });
  });

  it("lets the server answer when every worker dies, and tells", async () => {
    const dying: Behaviour = (request, worker) => {
      if (request.type === "decode") worker.crash();
      return request.type === "decode" ? null : healthy(request, worker);
    };
    const onEngine = vi.fn();
    const client = bench.makeClient(dying, { onEngine });
    await client.open("/models/manifest.json");
    const { engine, chosen } = await client.decode(click(1));
    expect([engine, chosen]).toEqual(["server", 2]);
    expect(bench.workers).toHaveLength(4); // the last one works on what the server answers
    expect(onEngine).toHaveBeenCalledWith(expect.objectContaining({ engine: "server" }));
  });

  it("has the server decode, and works on its answers, where no worker starts", async () => {
    vi.stubGlobal("fetch", fakeFetch(ROUTES));
    const client = bench.makeClient(healthy, {
      createWorker: () => {
        throw new Error("no worker here");
      },
      createOnPage: () => Promise.resolve(new SessionOnPage()),
    });
    await client.open("/models/manifest.json");
    const { engine, chosen, mask } = await client.decode({ ...click(1), isExact: true });
    expect([engine, chosen]).toEqual(["server", 2]);
    expect(await mask).toMatchObject({ size: SIZE });
    expect(client.isReady(EMBEDDING)).toBe(false);
  });

  it("replaces a worker that stays silent", async () => {
    vi.useFakeTimers();
    try {
      const silent: Behaviour = (request, worker) => (request.type === "decode" ? null : healthy(request, worker));
      const client = bench.makeClient([silent, healthy]);
      await client.open("/models/manifest.json");
      const answer = client.decode(click(1));
      await vi.advanceTimersByTimeAsync(61_000);
      expect((await answer).engine).toBe("wasm-threads");
    } finally {
      vi.useRealTimers();
    }
  });

  it.each([
    ["missing", {}, "model_missing"],
    ["no JSON", { "/models/manifest.json": () => new Response("<html>") }, "model_corrupt"],
    ["incomplete", { "/models/manifest.json": () => Response.json({ format: 6 }) }, "model_corrupt"],
    [
      "of an older format",
      { "/models/manifest.json": () => Response.json({ ...MANIFEST, format: 1 }) },
      "model_corrupt",
    ],
    [
      "without a policy",
      { "/models/manifest.json": () => Response.json({ ...MANIFEST, policy: {} }) },
      "model_corrupt",
    ],
  ])("says that the manifest is %s", async (_, answers, code) => {
    const client = bench.makeClient(healthy, { fetch: fakeFetch(answers) });
    await expect(client.open("/models/manifest.json")).rejects.toMatchObject({ code });
  });

  it("says that a model file is damaged and does not try other engines", async () => {
    const damaged: Behaviour = ({ id }) => ({ type: "error", id, code: "model_corrupt", message: "damaged" });
    const client = bench.makeClient(damaged);
    await expect(client.open("/models/manifest.json")).rejects.toMatchObject({ code: "model_corrupt" });
    expect(bench.workers).toHaveLength(1);
  });

  it("rejects what waits when it is closed", async () => {
    const client = bench.makeClient(healthy);
    await client.open("/models/manifest.json");
    const answer = client.decode(click(1));
    client.close();
    await expect(answer).rejects.toMatchObject({ code: "closed" });
  });
});

import { beforeEach, describe, expect, it, vi } from "vitest";

import { maskArea } from "../../geometry/column-mask";
import { click, DecoderBench, EMBEDDING, ROUTES, SIZE } from "./decoder-bench";
import type { ClientDependencies } from "./decoder-client";
import { fakeFetch, healthy, MANIFEST, SIDE, type Behaviour } from "./decoder-fakes";

const FLIPPED = { ...EMBEDDING, key: "abc-model-1-flip-f16", url: "/embeddings/flip.npy", isFlipped: true };
const TILE = {
  ...EMBEDDING,
  key: "abc-model-1-8_0_24_16-f16",
  url: "/embeddings/def.npy",
  cropBox: { x0: 8, y0: 0, x1: 24, y1: 16 },
};
/** With time for every view, unless a test says otherwise. */
const policy = (steps: Partial<typeof MANIFEST.policy>) => ({
  "/models/manifest.json": () =>
    Response.json({ ...MANIFEST, policy: { ...MANIFEST.policy, budget_ms: 60_000, ...steps } }),
});
let bench: DecoderBench;

beforeEach(() => {
  bench = new DecoderBench();
  return () => bench.close();
});

describe("answering clicks", () => {
  it("maps the click to the model's pixels and chooses as published", async () => {
    const client = bench.makeClient(healthy);
    await client.open("/models/manifest.json");
    const { candidates, chosen, engine } = await client.decode(click(10.5));
    // 32 x 16 becomes 16 x 8: the middle of pixel 10 is at 10 / 2
    expect(bench.workers[0].received.at(-1)).toMatchObject({ labels: Int32Array.of(1, -1) });
    expect(candidates[0].logits.data[0]).toBe(5);
    expect(candidates.map((c) => c.index)).toEqual([0, 1, 2, 3]);
    expect(chosen).toBe(2);
    expect(engine).toBe("wasm-threads");
  });

  it("asks the flipped photo flipped, where the policy uses it, and gives one answer as the photo lies", async () => {
    const rising: Behaviour = (request, worker) => {
      const answer = healthy(request, worker);
      return answer?.type === "decoded" ? { ...answer, logits: answer.logits.map((_, i) => i % SIDE) } : answer;
    };
    const client = bench.makeClient(rising, { fetch: fakeFetch({ ...ROUTES, ...policy({ uses_flip: true }) }) });
    await client.open("/models/manifest.json");
    const tall = { width: 16, height: 32 }; // 8 x 16 of the model's pixels: two of four columns
    const logits = { side: SIDE, data: Float32Array.from({ length: SIDE * SIDE }, (_, i) => i) };
    const starts = [{ cropBox: null, isFlipped: false, logits }];
    const box = { kind: "box", box: { x0: 2, y0: 2, x1: 6, y1: 8 } } as const;
    const asked = { ...click(3.5), views: [EMBEDDING, FLIPPED], originalSize: tall, prompts: [box], starts };
    const answer = await client.decode(asked);
    const decoded = bench.workers[0].received.filter((message) => message.type === "decode");
    expect(decoded.map(({ coords }) => [coords[0], coords[2]])).toEqual([
      [1, 3],
      [8 - 3, 8 - 1],
    ]);
    expect(decoded.map(({ maskInput }) => Array.from(maskInput?.subarray(0, 4) ?? []))).toEqual([
      [0, 1, 2, 3],
      [1, 0, 2, 3],
    ]);
    // 0 1 | 2 3 and, flipped back, 1 0 | 2 3
    expect(Array.from(answer.candidates[0].logits.data.subarray(0, 4))).toEqual([0.5, 0.5, 2, 3]);
    expect(answer.decodedViews.map(({ embedding }) => embedding)).toEqual([EMBEDDING, FLIPPED]);
  });

  it("orders a view before its flip, whichever was ready first", async () => {
    const routes = { ...ROUTES, ...policy({ uses_flip: true }) };
    const client = bench.makeClient(healthy, { fetch: fakeFetch(routes) });
    await client.open("/models/manifest.json");
    const box = { kind: "box", box: { x0: 2, y0: 2, x1: 6, y1: 8 } } as const;
    const { decodedViews } = await client.decode({ ...click(3.5), views: [FLIPPED, EMBEDDING], prompts: [box] });
    expect(decodedViews.map(({ embedding }) => embedding)).toEqual([EMBEDDING, FLIPPED]);
  });

  describe("within the time of the policy", () => {
    const BOX = { kind: "box", box: { x0: 14, y0: 4, x1: 18, y1: 8 } } as const;
    const POINTS = [...click(16.5).prompts, ...click(17.5).prompts];
    const ALL = [EMBEDDING, FLIPPED, TILE];
    /** A client whose decodings take so long by its clock, whatever the machine. */
    const slowClient = async (ms: number) => {
      let time = 0;
      const small: Behaviour = (request, worker) => {
        const answer = healthy(request, worker);
        if (request.type === "decode") time += ms;
        if (answer?.type === "opened" && answer.trial) return { ...answer, trial: { ...answer.trial, medianMs: ms } };
        return answer?.type === "decoded" ? { ...answer, logits: answer.logits.map(() => -1) } : answer;
      };
      const routes = { ...ROUTES, ...policy({ uses_flip: true, uses_crops: true, budget_ms: 50 }) };
      const client = bench.makeClient(small, { fetch: fakeFetch(routes), now: () => time });
      await client.open("/models/manifest.json");
      return client;
    };

    it.each([
      [16, [BOX], [EMBEDDING, FLIPPED, TILE]],
      [20, [BOX], [EMBEDDING, TILE]],
      [20, POINTS, [EMBEDDING, FLIPPED]],
      [20, click(16.5).prompts, [EMBEDDING, TILE]],
      [30, [BOX], [EMBEDDING]],
      [400, POINTS, [EMBEDDING]],
    ])("takes %i ms views as far as they fit, what gains most first", async (ms, prompts, expected) => {
      const client = await slowClient(ms);
      const { decodedViews, decodeMs } = await client.decode({ ...click(16.5), prompts, views: ALL });
      expect(decodedViews.map(({ embedding }) => embedding)).toEqual(expected);
      expect(decodeMs).toBe(ms * expected.length);
    });

    it("asks the flip where no crop fits, and a mask on a crop's grid keeps to it", async () => {
      const client = await slowClient(20);
      const wide = { kind: "box", box: { x0: 1, y0: 1, x1: 30, y1: 14 } } as const;
      const flipped = await client.decode({ ...click(16.5), prompts: [wide], views: ALL });
      expect(flipped.decodedViews.map(({ embedding }) => embedding)).toEqual([EMBEDDING, FLIPPED]);
      const logits = { side: SIDE, data: new Float32Array(SIDE * SIDE).fill(-1) };
      const before = { cropBox: TILE.cropBox, logits };
      const then = await client.decode({ ...click(16.5), prompts: POINTS, views: ALL, before });
      expect(then.decodedViews.map(({ embedding }) => embedding)).toEqual([EMBEDDING, TILE]);
    });

    it("takes every view where somebody asked for it", async () => {
      const client = await slowClient(400);
      const { decodedViews } = await client.decode({ ...click(16.5), prompts: [BOX], views: ALL, isUnhurried: true });
      expect(decodedViews.map(({ embedding }) => embedding)).toEqual([EMBEDDING, FLIPPED, TILE]);
    });
  });

  it("asks one view alone for a lone click, and where the policy uses no other", async () => {
    for (const [steps, prompts] of [
      [{ uses_flip: true }, click(10.5).prompts],
      [{}, [...click(10.5).prompts, ...click(12.5).prompts]],
    ] as const) {
      const client = bench.makeClient(healthy, { fetch: fakeFetch({ ...ROUTES, ...policy(steps) }) });
      await client.open("/models/manifest.json");
      const { decodedViews } = await client.decode({ ...click(10.5), prompts, views: [EMBEDDING, FLIPPED, TILE] });
      expect(decodedViews.map(({ embedding }) => embedding)).toEqual([EMBEDDING]);
    }
  });

  it("makes one answer of the whole photo and the tile that its answer fits into", async () => {
    const small: Behaviour = (request, worker) => {
      const answer = healthy(request, worker);
      return answer?.type === "decoded" ? { ...answer, logits: answer.logits.map(() => -request.id) } : answer;
    };
    const client = bench.makeClient(small, { fetch: fakeFetch({ ...ROUTES, ...policy({ uses_crops: true }) }) });
    await client.open("/models/manifest.json");
    const whole = await client.decode(click(16.5));
    const both = await client.decode({ ...click(16.5), views: [EMBEDDING, TILE] });
    expect(both.decodedViews.map(({ embedding }) => embedding)).toEqual([EMBEDDING, TILE]);
    const [far, near] = both.decodedViews.map(({ logits }) => Math.max(logits[0], -8));
    // 32 photo pixels on 16 of the model's, and 16 on 16: half the detail in the whole photo's view
    expect(both.candidates[0].logits.data[0]).toBeCloseTo(0.2 * far + 0.8 * near, 5);
    expect(whole.decodedViews).toHaveLength(1);
    const outside = await client.decode({ ...click(2.5), views: [EMBEDDING, TILE] });
    expect(outside.decodedViews).toHaveLength(1);
  });

  it("tells the mask of the chosen candidate, to look at and exactly", async () => {
    const client = bench.makeClient(healthy);
    await client.open("/models/manifest.json");
    const { sampled, mask, candidates } = await client.decode({ ...click(10.5), step: 4, isExact: true });
    expect([sampled.step, maskArea(sampled.mask)]).toEqual([4, (SIZE.width * SIZE.height) / 16]);
    const exact = await mask;
    expect(exact && maskArea(exact)).toBe(SIZE.width * SIZE.height);
    const asked = { logits: candidates[1].maskLogits, originalSize: SIZE, cropBox: null };
    expect(await client.mask(asked)).toEqual(exact);
    expect((await client.decode(click(10.5))).mask).toBeNull();
  });

  it("shows the candidate that was asked for", async () => {
    const client = bench.makeClient(healthy);
    await client.open("/models/manifest.json");
    expect((await client.decode({ ...click(10.5), chosen: 3 })).chosen).toBe(3);
  });

  it("hands a view over again that the engine had to let go of unasked", async () => {
    const client = bench.makeClient(healthy, { fetch: fakeFetch({ ...ROUTES, ...policy({ uses_flip: true }) }) });
    await client.open("/models/manifest.json");
    const box = { kind: "box", box: { x0: 2, y0: 2, x1: 6, y1: 8 } } as const;
    const { decodedViews } = await client.decode({ ...click(3.5), views: [EMBEDDING, FLIPPED], prompts: [box] });
    expect(decodedViews).toHaveLength(2);
    // the flipped view was handed over when the answer came to it; the first one is not decoded again
    expect(bench.workers[0].types()).toEqual(["open", "prepare", "decode", "prepare", "decode"]);
  });

  it("says where a crop would show more of an answer", async () => {
    const client = bench.makeClient(healthy);
    await client.open("/models/manifest.json");
    const prompts = [{ kind: "box", box: { x0: 400, y0: 300, x1: 500, y1: 400 } }] as const;
    const asked = { originalSize: { width: 4000, height: 3000 }, cropBox: null, prompts, candidates: [] };
    expect(await client.cropAround(asked)).toEqual({ x0: 350, y0: 250, x1: 550, y1: 450 });
  });

  it("knows which views can answer at once", async () => {
    const client = bench.makeClient(healthy);
    expect(client.isReady(EMBEDDING)).toBe(false);
    await client.open("/models/manifest.json");
    await client.decode(click(1));
    expect([client.isReady(EMBEDDING), client.isReady(TILE)]).toEqual([true, false]);
  });

  it("prepares an embedding once and again when the worker had to let it go", async () => {
    const other = { ...EMBEDDING, key: "def-model-1-full-f16", url: "/embeddings/def.npy" };
    const forgetful: Behaviour = (request, worker) =>
      request.type === "prepare" && request.key === other.key
        ? { type: "prepared", id: request.id, evicted: [EMBEDDING.key] }
        : healthy(request, worker);
    const client = bench.makeClient(forgetful);
    await client.open("/models/manifest.json");
    for (const embedding of [EMBEDDING, EMBEDDING, other, EMBEDDING]) await client.decode(click(1, embedding));
    expect(bench.workers[0].types().join(" ")).toBe("open prepare decode decode prepare decode prepare decode");
  });

  it("answers every one of many clicks and only the newest of many hovers", async () => {
    const client = bench.makeClient(healthy);
    await client.open("/models/manifest.json");
    const hovers = [1, 2, 3].map((x) =>
      client.decode({ ...click(x), kind: "hover" }).then(
        () => x,
        () => null,
      ),
    );
    expect(await Promise.all(hovers)).toEqual([1, null, 3]);
    const clicks = [4, 5, 6].map((x) => client.decode(click(x)).then(() => x));
    expect(await Promise.all(clicks)).toEqual([4, 5, 6]);
  });

  it("answers a click made while the model is still loading", async () => {
    const client = bench.makeClient(healthy);
    const opening = client.open("/models/manifest.json");
    await expect(client.decode(click(1))).resolves.toMatchObject({ chosen: 2, engine: "wasm-threads" });
    await opening;
  });

  it("warms up on an image that was fetched ahead, once, and lets a click go first", async () => {
    let release: (() => void) | null = null;
    const slowAtFirst: Behaviour = (request, worker) => {
      const answer = healthy(request, worker);
      if (request.type !== "decode" || release) return answer;
      release = () => worker.finish(answer);
      return null;
    };
    const warmUpPainting = vi.fn<NonNullable<ClientDependencies["warmUpPainting"]>>();
    const client = bench.makeClient(slowAtFirst, { warmUpPainting });
    await client.open("/models/manifest.json");
    const clicked = () => bench.workers[0].received.flatMap((sent) => (sent.type === "decode" ? [sent.coords[0]] : []));
    client.prefetch(EMBEDDING);
    client.prefetch({ ...EMBEDDING, key: "def-model-1-full-f16", url: "/embeddings/def.npy" });
    await vi.waitFor(() => expect(release).not.toBeNull());
    const answered = client.decode(click(10.5));
    release!();
    expect((await answered).candidates[0].logits.data[0]).toBe(5);
    await vi.waitFor(() => expect(clicked()).toHaveLength(9));
    expect(clicked()[1]).toBe(5);
    await client.decode(click(1));
    expect(clicked()).toHaveLength(10);
    expect(warmUpPainting).toHaveBeenCalledTimes(8);
    expect(warmUpPainting).toHaveBeenLastCalledWith(expect.objectContaining({ step: 4 }));
  });

  it("meets a click with no harm done when warming up fails", async () => {
    const failing: Behaviour = (request, worker) =>
      request.type === "decode" && worker.types().filter((type) => type === "decode").length < 12
        ? { type: "error", id: request.id, code: "bad_prompt", message: "not now" }
        : healthy(request, worker);
    const client = bench.makeClient(failing);
    await client.open("/models/manifest.json");
    client.prefetch(EMBEDDING);
    await vi.waitFor(() => expect(bench.workers[0].types().filter((type) => type === "decode")).toHaveLength(8));
    for (let i = 0; i < 3; i++) await expect(client.decode(click(1))).rejects.toMatchObject({ code: "bad_prompt" });
    await expect(client.decode(click(1))).resolves.toMatchObject({ chosen: 2, engine: "wasm-threads" });
  });

  it("refuses an embedding of another model version", async () => {
    const client = bench.makeClient(healthy);
    await client.open("/models/manifest.json");
    const stranger = { ...EMBEDDING, key: "abc-model-2-full-f16" };
    await expect(client.decode(click(1, stranger))).rejects.toMatchObject({ code: "embedding_mismatch" });
  });

  it("says when the embedding is not there", async () => {
    const client = bench.makeClient(healthy);
    await client.open("/models/manifest.json");
    const missing = { ...EMBEDDING, url: "/embeddings/none.npy" };
    await expect(client.decode(click(1, missing))).rejects.toMatchObject({ code: "embedding_missing" });
  });
});

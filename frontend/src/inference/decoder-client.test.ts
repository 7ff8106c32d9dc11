import { beforeEach, describe, expect, it, vi } from "vitest";

import { click, DecoderBench, EMBEDDING, ROUTES, SIZE } from "./decoder-bench";
import type { ClientDependencies, DecodeRequest, DecodeResult, PhotoSampler } from "./decoder-client";
import { fakeFetch, healthy, MANIFEST, SIDE, type Behaviour } from "./decoder-fakes";
import type { WorkerAnswer } from "./protocol";

let bench: DecoderBench;
const broken: Behaviour = ({ id }) => ({ type: "error", id, code: "engine_failed", message: "no such engine" });

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

  it("looks at the photo once, for a model that snaps to its edges, and again when it could not be seen", async () => {
    const manifest = () => Response.json({ ...MANIFEST, snaps_to_edges: true });
    const client = bench.makeClient(healthy, { fetch: fakeFetch({ ...ROUTES, "/models/manifest.json": manifest }) });
    await client.open("/models/manifest.json");
    const cells = { rows: 2, columns: SIDE, rgba: Uint8Array.from({ length: 8 * SIDE }, (_, i) => 29 * i) };
    const photo = vi.fn<PhotoSampler>().mockReturnValueOnce(null).mockReturnValue(cells);
    const answers = [];
    for (const x of [10.5, 11.5, 12.5]) answers.push(await client.decode({ ...click(x), photo }));
    // 16 x 8 model pixels are 4 x 2 cells
    expect(photo.mock.calls).toEqual(Array(2).fill([null, expect.objectContaining({ imageSize: 16 }), 4]));
    const [unseen, seen] = answers.map(({ candidates }) => candidates[1]);
    expect(unseen.shown).toBe(unseen.logits);
    expect(seen.shown).not.toBe(seen.logits);
    expect(seen.logits.data[0]).toBe(5.5);
  });

  it("looks at a photo ahead of its first click", async () => {
    const manifest = () => Response.json({ ...MANIFEST, snaps_to_edges: true });
    const client = bench.makeClient(healthy, { fetch: fakeFetch({ ...ROUTES, "/models/manifest.json": manifest }) });
    const cells = { rows: 2, columns: SIDE, rgba: new Uint8Array(8 * SIDE) };
    const photo = vi.fn<PhotoSampler>().mockReturnValue(cells);
    const opening = client.open("/models/manifest.json");
    client.look({ embedding: EMBEDDING, originalSize: SIZE, photo });
    await opening;
    await vi.waitFor(() => expect(photo).toHaveBeenCalledOnce());
    const { candidates } = await client.decode({ ...click(10.5), photo });
    expect(candidates[1].shown).not.toBe(candidates[1].logits);
    expect(photo).toHaveBeenCalledOnce();
  });

  it("does not look at the photo for other models", async () => {
    const client = bench.makeClient(healthy);
    await client.open("/models/manifest.json");
    const photo = vi.fn<PhotoSampler>();
    const { candidates } = await client.decode({ ...click(1), photo });
    expect(photo).not.toHaveBeenCalled();
    expect(candidates[1].shown).toBe(candidates[1].logits);
  });

  it("asks what was seen in a mirror in the mirror, and gives the answer as the photo lies", async () => {
    const rising: Behaviour = (request, worker) => {
      const answer = healthy(request, worker);
      return answer?.type === "decoded" ? { ...answer, logits: answer.logits.map((_, i) => 10 * i) } : answer;
    };
    const client = bench.makeClient(rising);
    await client.open("/models/manifest.json");
    const tall = { width: 16, height: 32 }; // 8 x 16 of the model's pixels: two of four columns
    const start = { side: SIDE, data: Float32Array.from({ length: SIDE * SIDE }, (_, i) => i) };
    const asked = { ...click(3.5), originalSize: tall, maskInput: start };
    const plain = await client.decode(asked);
    const mirrored = await client.decode({ ...asked, embedding: { ...EMBEDDING, isMirrored: true } });
    const decoded = bench.workers[0].received.filter((message) => message.type === "decode");
    expect(decoded.map(({ coords }) => coords[0])).toEqual([1.5, 8 - 1.5 - 1]);
    expect(decoded.map(({ maskInput }) => Array.from(maskInput?.subarray(0, 4) ?? []))).toEqual([
      [0, 1, 2, 3],
      [1, 0, 2, 3],
    ]);
    const row = ({ candidates }: DecodeResult) => Array.from(candidates[0].logits.data.subarray(0, 4));
    expect(row(plain)).toEqual([0, 10, 20, 30]);
    expect(row(mirrored)).toEqual([10, 0, 20, 30]);
  });

  it("makes one answer of a closer look and the one from afar", async () => {
    const client = bench.makeClient(healthy);
    await client.open("/models/manifest.json");
    const far = await client.decode(click(10.5));
    const part = { x0: 8, y0: 0, x1: 24, y1: 16 };
    const near = { ...EMBEDDING, key: "abc-model-1-8_0_24_16-f16", cropBox: part };
    const alone = await client.decode(click(10.5, near));
    const both = await client.decode({ ...click(10.5, near), seen: far.seen, kept: far.chosen });
    const first = ({ candidates }: DecodeResult) => candidates[0].logits.data[0];
    // 32 photo pixels on 16 of the model's, and 16 on 16: half the detail from afar
    expect(first(both)).toBeCloseTo(0.2 * first(far) + 0.8 * first(alone), 5);
    expect(first(far)).not.toBe(first(alone));
    expect(both.chosen).toBe(far.chosen);
    expect(both.seen).toEqual([...far.seen, ...alone.seen]);
    const late = await client.decode({ ...click(10.5), seen: alone.seen, kept: far.chosen });
    expect(first(late)).toBe(first(both));
    expect(late.seen).toEqual(both.seen);
  });

  it("thinks a lone click over: every view goes on from each of its candidates, and the best three are shown", async () => {
    const closer = { ...ROUTES, "/models/manifest.json": () => Response.json({ ...MANIFEST, looks_closer: true }) };
    let decodings = 0;
    // each answer's candidate k is the cells up to column k, one row further down than the answer before
    const varied: Behaviour = (request, worker) => {
      const answer = healthy(request, worker);
      if (answer?.type !== "decoded") return answer;
      decodings += 1;
      const logits = answer.logits.map((_, i) => {
        const [k, x, y] = [Math.floor(i / SIDE ** 2), i % SIDE, Math.floor(i / SIDE) % SIDE];
        return x < k && y < decodings ? 4 : -4;
      });
      const predictedIou = Float32Array.of(0.5, 0.5, 0.75, decodings === 6 ? 1 : 0.5);
      return { ...answer, logits, predictedIou };
    };
    const client = bench.makeClient(varied, { fetch: fakeFetch(closer) });
    await client.open("/models/manifest.json");
    const signal = new AbortController().signal;
    const far = await client.decode(click(10.5));
    const mirror = { ...EMBEDDING, key: "abc-model-1-mirror-f16", isMirrored: true };
    const both = await client.decode({ ...click(10.5, mirror), seen: far.seen, kept: far.chosen });
    const answered = { ...both, prompts: click(10.5).prompts, originalSize: SIZE, signal };
    const asked = bench.workers[0].received.length;
    const conclude = await client.thinkAgain(answered);
    const thought = conclude?.({ chosen: both.chosen, isChosenByHand: false });
    const starts = bench.workers[0].received.slice(asked).flatMap((message) => {
      return message.type === "decode" ? [message.maskInput] : [];
    });
    expect(starts).toHaveLength(6);
    expect(starts.filter((_, i) => i % 2 === 0)).toEqual(
      [1, 2, 3].map((k) => both.seen[0].logits.subarray(k * SIDE ** 2, (k + 1) * SIDE ** 2)),
    );
    expect(thought?.seen.map(({ embedding }) => embedding)).toEqual([EMBEDDING, mirror]);
    expect(thought?.candidates).toHaveLength(4);
    expect(thought?.candidates[0].logits.data).toEqual(both.candidates[0].logits.data);
    expect(thought?.candidates.map(({ logits }) => Array.from(logits.data))).not.toEqual(
      both.candidates.map(({ logits }) => Array.from(logits.data)),
    );
    const byHand = conclude?.({ chosen: both.chosen, isChosenByHand: true });
    const kept = both.candidates[both.chosen].logits.data;
    expect(byHand?.candidates[byHand.chosen].logits.data).toEqual(kept);
  });

  it("thinks over nothing but lone clicks, with models that look closer, on engines of this browser", async () => {
    const thinkOver = async (manifest: object, behaviour: Behaviour, prompts: DecodeRequest["prompts"]) => {
      const routes = { ...ROUTES, "/models/manifest.json": () => Response.json({ ...MANIFEST, ...manifest }) };
      const client = bench.makeClient(behaviour, { fetch: fakeFetch(routes) });
      await client.open("/models/manifest.json");
      const answer = await client.decode({ ...click(10.5), prompts });
      const { signal } = new AbortController();
      return client.thinkAgain({ ...answer, prompts, originalSize: SIZE, signal });
    };
    const { prompts } = click(10.5);
    expect(await thinkOver({ looks_closer: true }, healthy, prompts)).not.toBeNull();
    expect(await thinkOver({ looks_closer: false }, healthy, prompts)).toBeNull();
    expect(await thinkOver({ looks_closer: true }, broken, prompts)).toBeNull();
    expect(await thinkOver({ looks_closer: true }, healthy, [...prompts, ...prompts])).toBeNull();
    expect(await thinkOver({ looks_closer: true }, healthy, [{ ...prompts[0], label: 0 }])).toBeNull();
    const box = { kind: "box", box: { x0: 1, y0: 1, x1: 9, y1: 9 } } as const;
    expect(await thinkOver({ looks_closer: true }, healthy, [box])).toBeNull();
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
      release = () => worker.onmessage?.({ data: answer } as MessageEvent<WorkerAnswer>);
      return null;
    };
    const rehearse = vi.fn<NonNullable<ClientDependencies["rehearse"]>>();
    const client = bench.makeClient(slowAtFirst, { rehearse });
    await client.open("/models/manifest.json");
    const clicked = () => bench.workers[0].received.flatMap((seen) => (seen.type === "decode" ? [seen.coords[0]] : []));
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
    expect(rehearse).toHaveBeenCalledTimes(8);
    expect(rehearse).toHaveBeenLastCalledWith(expect.objectContaining({ side: SIDE }), MANIFEST.image_size);
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
    expect(bench.workers).toHaveLength(3);
    expect(onEngine).toHaveBeenCalledWith(expect.objectContaining({ engine: "server" }));
  });

  it("replaces a worker that stays silent", async () => {
    vi.useFakeTimers();
    try {
      const silent: Behaviour = (request, worker) => (request.type === "decode" ? null : healthy(request, worker));
      const client = bench.makeClient([silent, healthy]);
      await client.open("/models/manifest.json");
      const answer = client.decode(click(1));
      await vi.advanceTimersByTimeAsync(31_000);
      expect((await answer).engine).toBe("wasm-threads");
    } finally {
      vi.useRealTimers();
    }
  });

  it.each([
    ["missing", {}, "model_missing"],
    ["no JSON", { "/models/manifest.json": () => new Response("<html>") }, "model_corrupt"],
    ["incomplete", { "/models/manifest.json": () => Response.json({ format: 1 }) }, "model_corrupt"],
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

import { describe, expect, it } from "vitest";

import { maskArea } from "../../geometry/column-mask";
import { imagePoint } from "../../geometry/types";
import { EMBEDDING } from "../client/decoder-bench";
import { MANIFEST, SIDE } from "../client/decoder-fakes";
import { parseManifest } from "../protocol/manifest";
import type { Question } from "../protocol/messages";
import type { EngineName, EngineTrial } from "../protocol/types";
import type { DecoderBackend } from "./decoder-backend";
import { DecoderSession } from "./decoder-session";

const manifest = parseManifest(MANIFEST);
const SERVER = { api: "/api/v1", csrf: "token" };
const PHOTO = { width: 64, height: 32 };
const QUESTION: Question = {
  views: [EMBEDDING],
  originalSize: PHOTO,
  prompts: [{ kind: "point", point: imagePoint(10, 10), label: 1 }],
  starts: [],
  before: null,
  step: 1,
  number: 1,
  mostViews: 1,
};

/** A session whose backend answers with masks of one value, and the names of what was asked of it. */
class Bench {
  readonly calls: string[] = [];
  readonly addresses: string[] = [];
  readonly session: DecoderSession;

  constructor(isAccelerated = false, logit = 3) {
    const predictedIou = Float32Array.of(0, 0.5, 0, 0);
    const backend: DecoderBackend = {
      threads: 1,
      isAccelerated,
      prepare: () => Promise.resolve({ bytes: 1, release: () => void this.calls.push("release") }),
      decode: () => {
        this.calls.push("decode");
        return Promise.resolve({ logits: new Float32Array(4 * SIDE * SIDE).fill(logit), predictedIou });
      },
      complete: () => Promise.resolve(void this.calls.push("complete")),
    };
    this.session = new DecoderSession({
      openBackend: () => Promise.resolve(backend),
      fetch: (address) => {
        this.addresses.push(address as string);
        return Promise.resolve(new Response(null, { status: 503 }));
      },
      now: () => 0,
    });
  }

  open(known: Pick<EngineTrial, "isAccelerated"> | null = { isAccelerated: false }, engine: EngineName = "wasm") {
    const model = { manifestUrl: "m.json", manifest, budgetBytes: 1 };
    return this.session.handle({ type: "open", id: 1, ...model, engine, server: SERVER, known });
  }

  prepare() {
    return this.session.handle({ type: "prepare", id: 2, key: EMBEDDING.key, npy: npyOf([1, 2, 1, 1]) });
  }

  ask(more: Partial<Question> = {}) {
    return this.session.handle({ type: "answer", id: 3, question: { ...QUESTION, ...more } });
  }
}

/** A session with the model open and the embedding ready. */
async function ready(): Promise<Bench> {
  const bench = new Bench();
  await bench.open();
  await bench.prepare();
  return bench;
}

describe("opening a model", () => {
  it("tries the golden case and says whether the accelerator answered", async () => {
    const answer = await new Bench(true, -1).open(null);
    expect(answer).toMatchObject({ type: "opened", trial: { engine: "wasm", isAccelerated: true, isCorrect: true } });
  });

  it("is spared a trial only by one of the same graphs", async () => {
    const plain = new Bench(false, -1);
    expect(await plain.open({ isAccelerated: false })).toMatchObject({ trial: null });
    expect(await plain.open({ isAccelerated: true })).toMatchObject({ trial: { isAccelerated: false } });
  });

  it("on the server opens nothing here, and asks the server", async () => {
    const bench = new Bench();
    expect(await bench.open(null, "server")).toMatchObject({ type: "opened", trial: null });
    expect(await bench.ask()).toMatchObject({ type: "error", code: "server_failed" });
    expect([bench.calls, bench.addresses]).toEqual([[], ["/api/v1/images/7/decode"]]);
  });

  it("says that no model is open", async () => {
    expect(await new Bench().ask()).toMatchObject({ type: "error", id: 3, code: "engine_failed" });
  });
});

describe("answering", () => {
  it("names a view that is not prepared, and answers once it is", async () => {
    const bench = new Bench();
    await bench.open();
    expect(await bench.ask()).toEqual({ type: "missing", id: 3, key: EMBEDDING.key });
    await bench.prepare();
    const answer = await bench.ask({ step: 2 });
    if (answer.type !== "answered") throw new Error(answer.type);
    expect([answer.sampled.step, maskArea(answer.sampled.mask)]).toEqual([2, (PHOTO.width * PHOTO.height) / 4]);
    expect(answer.viewMs).toEqual([0]);
  });

  it("sends what was to be computed when looked at as numbers", async () => {
    const candidates = [0, 1, 2, 3].map((index) => ({ index }));
    expect(structuredClone(await (await ready()).ask())).toMatchObject({ type: "answered", candidates });
  });

  it("gets ready for refinements after a first click, once its exact mask is made", async () => {
    const bench = await ready();
    const answer = await bench.ask({ step: 2, isExact: true });
    if (answer.type !== "answered") throw new Error(answer.type);
    await bench.prepare(); // whatever is asked in between is answered first
    expect(bench.calls).not.toContain("complete");
    const question = { logits: answer.candidates[0].maskLogits, originalSize: PHOTO, cropBox: null };
    const masked = await bench.session.handle({ type: "mask", id: 4, question });
    expect(masked.type === "masked" && maskArea(masked.mask)).toBe(PHOTO.width * PHOTO.height);
    await bench.prepare();
    expect(bench.calls).toContain("complete");
  });

  it.each([
    ["is all that is wanted", { step: 2 }],
    ["is exact", { step: 1, isExact: true }],
  ])("gets ready for refinements after an answer whose sampled mask %s, once", async (_, more) => {
    const bench = await ready();
    await bench.ask(more);
    await bench.ask({ ...more, number: 2 });
    expect(bench.calls.filter((call) => call !== "release")).toEqual(["decode", "complete", "decode"]);
  });
});

/** A .npy file of zeros in float16. */
function npyOf(shape: readonly number[]): ArrayBuffer {
  const header = `{'descr': '<f2', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`.padEnd(117) + "\n";
  const head = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length, 0);
  const data = new Uint8Array(2 * shape.reduce((all, side) => all * side, 1));
  return Uint8Array.of(...head, ...new TextEncoder().encode(header), ...data).buffer;
}

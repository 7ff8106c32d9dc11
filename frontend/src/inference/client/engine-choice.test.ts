import { beforeEach, describe, expect, it, vi } from "vitest";

import { click, DecoderBench } from "./decoder-bench";
import { DESKTOP, healthy, MemoryStorage, type Behaviour, type FakeWorker } from "./decoder-fakes";

let bench: DecoderBench;

beforeEach(() => {
  bench = new DecoderBench();
  return () => bench.close();
});

/** For each opening of a worker, whether it was told that the engine is known. */
function openingsOf(worker: FakeWorker): boolean[] {
  return worker.received.flatMap((request) => (request.type === "open" ? [request.known !== null] : []));
}

describe("choosing an engine", () => {
  const trialOf =
    (isCorrect: boolean, medianMs: number): Behaviour =>
    (request, worker) => {
      const answer = healthy(request, worker);
      if (answer?.type !== "opened" || !answer.trial) return answer;
      return { ...answer, trial: { ...answer.trial, isCorrect, goldenIou: isCorrect ? 1 : 0.5, medianMs } };
    };

  it("uses one thread where the page is not isolated", async () => {
    const client = bench.makeClient(healthy, { abilities: { ...DESKTOP, isIsolated: false } });
    expect(await client.open("/models/manifest.json")).toMatchObject({ engine: "wasm", threads: 1 });
  });

  it("never uses an engine that decodes the golden case wrongly", async () => {
    const client = bench.makeClient([trialOf(false, 1), healthy]);
    const info = await client.open("/models/manifest.json");
    expect(info.engine).toBe("wasm");
    expect(info.trials.map((trial) => trial.isCorrect)).toEqual([false, true]);
    expect(bench.workers[0].isTerminated).toBe(true);
  });

  it("decodes on the server where WebAssembly is blocked", async () => {
    const blocked: Behaviour = ({ id }) => ({ type: "error", id, code: "wasm_blocked", message: "blocked" });
    const client = bench.makeClient(blocked);
    expect(await client.open("/models/manifest.json")).toMatchObject({ engine: "server" });
    expect((await client.decode(click(1))).engine).toBe("server");
  });

  it("lets WebGPU take over when it is right and clearly faster, and remembers it", async () => {
    const storage = new MemoryStorage();
    const abilities = { ...DESKTOP, hasWebGpu: true };
    const switched = vi.fn();
    const client = bench.makeClient([trialOf(true, 30), trialOf(true, 5)], { storage, abilities, onEngine: switched });
    expect((await client.open("/models/manifest.json")).engine).toBe("wasm-threads");
    await vi.waitFor(() => expect(switched).toHaveBeenCalled());
    expect((await client.decode(click(1))).engine).toBe("webgpu");
    const next = bench.makeClient(healthy, { storage, abilities });
    expect((await next.open("/models/manifest.json")).engine).toBe("webgpu");
  });

  it.each([
    ["wrong", trialOf(false, 1)],
    ["not clearly faster", trialOf(true, 29)],
  ])("keeps what it has when WebGPU is %s", async (_, challenger) => {
    const storage = new MemoryStorage();
    const abilities = { ...DESKTOP, hasWebGpu: true };
    const client = bench.makeClient([trialOf(true, 30), challenger], { storage, abilities });
    await client.open("/models/manifest.json");
    await vi.waitFor(() => expect(storage.length).toBe(1));
    expect((await client.decode(click(1))).engine).toBe("wasm-threads");
    expect(bench.workers[1].isTerminated).toBe(true);
  });

  it("spares an engine that was right before another trial, until the person asks for one", async () => {
    const storage = new MemoryStorage();
    await bench.makeClient(trialOf(true, 44), { storage }).open("/models/manifest.json");
    const next = bench.makeClient(healthy, { storage });
    const info = await next.open("/models/manifest.json");
    expect(info.trials).toMatchObject([{ engine: "wasm-threads", medianMs: 44 }]);
    expect(openingsOf(bench.workers.at(-1)!)).toEqual([true]);
    await next.useEngine(null);
    expect(openingsOf(bench.workers.at(-1)!)).toEqual([false]);
  });

  it("tries an engine that was wrong again next time", async () => {
    const storage = new MemoryStorage();
    await bench.makeClient([trialOf(false, 1), healthy], { storage }).open("/models/manifest.json");
    const before = bench.workers.length;
    await bench.makeClient(healthy, { storage }).open("/models/manifest.json");
    expect(openingsOf(bench.workers[before])).toEqual([false]);
  });

  it("does as the user says, now and next time", async () => {
    const storage = new MemoryStorage();
    const client = bench.makeClient(healthy, { storage });
    await client.open("/models/manifest.json");
    expect((await client.useEngine("server")).engine).toBe("server");
    expect((await client.decode(click(1))).engine).toBe("server");
    const next = bench.makeClient(healthy, { storage });
    expect((await next.open("/models/manifest.json")).engine).toBe("server");
    expect((await next.useEngine(null)).engine).toBe("wasm-threads");
  });
});

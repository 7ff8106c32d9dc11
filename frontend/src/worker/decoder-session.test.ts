import { describe, expect, it } from "vitest";

import { MANIFEST } from "../inference/decoder-fakes";
import type { GraphRuntime } from "../inference/graph-runtime";
import { parseManifest } from "../inference/manifest";
import type { ModelBytes } from "../inference/ort-decoder";
import type { LocalEngine } from "../inference/protocol";
import { DecoderSession } from "./decoder-session";

const manifest = parseManifest(MANIFEST);

/** Which graphs a session asks for, one after the other, on a runtime with or without a kernel. */
async function asked(engine: LocalEngine, canUpscale: boolean) {
  const kinds: string[] = [];
  const opened: string[] = [];
  const runtime: GraphRuntime = {
    threads: 1,
    canUpscale,
    open: ({ weightsName }) => {
      opened.push(weightsName);
      return Promise.resolve({ run: () => Promise.resolve({}) });
    },
    openUpscaler: () => ({ logits: () => new Float32Array(0) }),
  };
  const empty = new Uint8Array(0);
  const session = new DecoderSession({
    loadRuntime: () => Promise.resolve(runtime),
    loadModel: (_, __, upTo) => {
      kinds.push(upTo);
      const model: ModelBytes = {
        graphs: { prepare: empty, first: empty, refine: empty },
        weightsName: `weights up to ${upTo}`,
        weights: empty,
        upscaling: upTo === "rows" ? { eps: 1e-6, weights: empty } : null,
      };
      return Promise.resolve(model);
    },
  });
  const open = { type: "open", id: 1, manifestUrl: "m.json", manifest, engine, termsBudgetBytes: 1 } as const;
  const answer = await session.handle({ ...open, isKnown: true });
  return { kinds, opened, type: answer.type };
}

describe("opening a model", () => {
  it.each([
    ["wasm-threads", true, ["rows"]],
    ["wasm", false, ["rows", "masks"]],
    ["webgpu", false, ["masks"]],
  ] as const)("on %s with a kernel: %s", async (engine, canUpscale, kinds) => {
    const session = await asked(engine, canUpscale);
    expect(session.type).toBe("opened");
    expect(session.kinds).toEqual(kinds);
    expect(new Set(session.opened)).toEqual(new Set([`weights up to ${kinds.at(-1)!}`]));
  });
});

import { readFileSync } from "node:fs";

import { expect, it } from "vitest";

import { MemoryStorage } from "./decoder-fakes";
import { EngineMemoryStore, RUNTIME_VERSION } from "./engine-memory";

const MODEL = { version: "model-1", checksum: "abc" };
const TRIAL = { engine: "wasm", isAccelerated: true, isCorrect: true, goldenIou: 1, medianMs: 30, threads: 1 } as const;

it("names the runtime that is installed", () => {
  const text = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  const { dependencies } = JSON.parse(text) as { dependencies: Record<string, string> };
  expect(dependencies["onnxruntime-web"]).toBe(RUNTIME_VERSION);
});

it("keeps right trials and forgets an engine that turned wrong", () => {
  const memory = new EngineMemoryStore(new MemoryStorage(), MODEL, "Chrome 140");
  memory.note(TRIAL);
  memory.note({ ...TRIAL, medianMs: 20 });
  memory.update({ override: "wasm" });
  expect(memory.read()).toEqual({ chosen: null, override: "wasm", trials: [{ ...TRIAL, medianMs: 20 }] });
  memory.note({ ...TRIAL, isCorrect: false });
  expect(memory.read().trials).toEqual([]);
});

it("belongs to one model and one browser, and survives what is not its own", () => {
  const storage = new MemoryStorage();
  new EngineMemoryStore(storage, MODEL, "Chrome 140").note(TRIAL);
  const nothing = { chosen: null, override: null, trials: [] };
  expect(new EngineMemoryStore(storage, { ...MODEL, checksum: "abd" }, "Chrome 140").read()).toEqual(nothing);
  expect(new EngineMemoryStore(storage, MODEL, "Chrome 141").read()).toEqual(nothing);
  storage.setItem(storage.key(0)!, JSON.stringify({ trials: [{ engine: "toaster" }, null, 3], chosen: 1 }));
  expect(new EngineMemoryStore(storage, MODEL, "Chrome 140").read()).toEqual(nothing);
});

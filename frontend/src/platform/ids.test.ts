import { afterEach, expect, it, vi } from "vitest";

import { newId, uuidOf } from "./ids";

const UUID_4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

afterEach(() => void vi.unstubAllGlobals());

it("makes version 4 ids with and without crypto.randomUUID", () => {
  expect(newId()).toMatch(UUID_4);
  const real = globalThis.crypto;
  vi.stubGlobal("crypto", { getRandomValues: (into: Uint8Array) => real.getRandomValues(into) });
  const ids = Array.from({ length: 50 }, () => newId());
  for (const id of ids) expect(id).toMatch(UUID_4);
  expect(new Set(ids).size).toBe(50);
});

it("sets the version and the variant and keeps every other bit", () => {
  expect(uuidOf(new Uint8Array(16))).toBe("00000000-0000-4000-8000-000000000000");
  expect(uuidOf(new Uint8Array(16).fill(255))).toBe("ffffffff-ffff-4fff-bfff-ffffffffffff");
});

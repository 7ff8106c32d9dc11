import { defineConfig } from "vitest/config";

export default defineConfig({
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  test: {
    include: ["src/**/*.test.ts", "src/**/*.test.tsx"],
    environment: "node",
    sequence: { shuffle: true },
    restoreMocks: true,
    // Two cores are what a contributor can be counted on to have; more workers than that only queue.
    maxWorkers: 2,
  },
});

import { fileURLToPath } from "node:url";

/** Builds the benchmark's page into the folder that DECODER_BENCH_OUT names. */
export default {
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "/",
  build: {
    outDir: process.env.DECODER_BENCH_OUT,
    emptyOutDir: true,
    target: "es2023",
    assetsInlineLimit: 0,
  },
  worker: { format: "es" },
};

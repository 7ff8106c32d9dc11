import { fileURLToPath } from "node:url";

import { defineConfig } from "vite";

/** Where Django's static files finder picks the build up; the template tag reads `.vite/manifest.json` there. */
const OUT_DIR = fileURLToPath(new URL("../static/dist", import.meta.url));

export default defineConfig({
  base: "/static/dist/",
  publicDir: false,
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: OUT_DIR,
    emptyOutDir: true,
    manifest: true,
    target: "es2023",
    modulePreload: { polyfill: false },
    // A strict content security policy forbids data: scripts and fonts, so nothing is inlined.
    assetsInlineLimit: 0,
    rollupOptions: {
      input: ["src/main.ts", "src/pages.ts"].map((entry) => fileURLToPath(new URL(entry, import.meta.url))),
    },
  },
  worker: { format: "es" },
});

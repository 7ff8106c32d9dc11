import tseslint from "typescript-eslint";

/** What is not in every browser, on every origin and with every setting: src/platform/ has it, with another way. */
const ABILITIES = [
  "BroadcastChannel",
  "CompressionStream",
  "DecompressionStream",
  "EventSource",
  "IntersectionObserver",
  "Notification",
  "OffscreenCanvas",
  "ResizeObserver",
  "SharedArrayBuffer",
  "SharedWorker",
  "WebAssembly",
  "WebSocket",
  "Worker",
  "caches",
  "cancelIdleCallback",
  "createImageBitmap",
  "crossOriginIsolated",
  "crypto",
  "indexedDB",
  "localStorage",
  "navigator",
  "requestIdleCallback",
  "scheduler",
  "sessionStorage",
];
const METHODS = [
  "getCoalescedEvents",
  "getPredictedEvents",
  "setPointerCapture",
  "randomUUID",
  "transferControlToOffscreen",
];
const USE_PLATFORM = "Not in every browser and on every origin: use src/platform/.";

/** Where abilities are asked for; tests run in one known environment. */
const abilityContract = {
  files: ["src/**/*.{ts,tsx}"],
  ignores: ["src/platform/**", "**/*.test.ts", "**/*.test.tsx"],
  rules: {
    "no-restricted-globals": [
      "error",
      {
        globals: ABILITIES.map((name) => ({ name, message: USE_PLATFORM })),
        checkGlobalObject: true,
        globalObjects: ["globalThis", "window", "self"],
      },
    ],
    "no-restricted-properties": [
      "error",
      ...METHODS.map((property) => ({ property, message: USE_PLATFORM })),
      ...["any", "timeout"].map((property) => ({ object: "AbortSignal", property, message: USE_PLATFORM })),
    ],
  },
};

export default tseslint.config(
  // kernels/ is AssemblyScript: its compiler checks it
  { ignores: ["node_modules/", "../static/dist/", "kernels/", "src/wire/openapi.ts"] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ["*.config.js"] } } },
    rules: {
      "no-restricted-syntax": [
        "error",
        { selector: "ExportDefaultDeclaration", message: "Name what you export." },
        { selector: "TSEnumDeclaration", message: "Use a union of string literals." },
      ],
      "no-console": "error",
      "prefer-const": ["error", { destructuring: "all" }],
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/consistent-type-imports": "error",
      // Kernels index typed arrays they have sized themselves; `!` there states a fact, not a hope.
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
    },
  },
  abilityContract,
  { files: ["*.config.{ts,js}"], rules: { "no-restricted-syntax": "off" } },
  { files: ["*.config.js"], ...tseslint.configs.disableTypeChecked },
);

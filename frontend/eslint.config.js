import tseslint from "typescript-eslint";

/**
 * The rooms of src/ and the ones each may look into (besides itself). `i18n` is a leaf that the rooms which
 * speak to people share; `main.ts` and `editor.ts` sit above all rooms and wire them together.
 */
const ROOMS = {
  geometry: [],
  model: ["geometry"],
  tools: ["geometry", "model"],
  input: ["geometry", "model"],
  render: ["geometry", "model"],
  inference: ["geometry"],
  worker: ["geometry", "inference"],
  api: ["geometry", "model"],
  i18n: [],
  ui: ["geometry", "model", "i18n"],
  editor: ["geometry", "model", "tools", "input", "render", "inference", "api"],
};

/** Make the rule block that keeps one room's imports to the rooms it may know. */
function roomContract([room, allowed]) {
  const foreign = Object.keys(ROOMS).filter((other) => other !== room && !allowed.includes(other));
  const patterns = foreign.map((other) => ({
    group: [`**/${other}/**`, `**/${other}`],
    message: `src/${room}/ must not know src/${other}/.`,
  }));
  const wiring = { group: ["**/main"], message: `src/${room}/ must not know who wires it.` };
  return {
    files: [`src/${room}/**/*.{ts,tsx}`],
    ignores: ["**/*.test.ts", "**/*.test.tsx"],
    rules: { "no-restricted-imports": ["error", { patterns: [...patterns, wiring] }] },
  };
}

export default tseslint.config(
  // kernels/ is AssemblyScript: its compiler checks it
  { ignores: ["node_modules/", "../static/dist/", "kernels/"] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ["eslint.config.js"] } } },
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
  ...Object.entries(ROOMS).map(roomContract),
  { files: ["*.config.{ts,js}"], rules: { "no-restricted-syntax": "off" } },
  { files: ["eslint.config.js"], ...tseslint.configs.disableTypeChecked },
);

/**
 * The rooms of src/ and whom each may import, besides itself; `make lint` holds them to it (dependency-cruiser), types
 * included. No import may lead back to where it began. Every module lives in a room; main.ts and pages.ts wire them.
 *
 * `i18n` is a leaf of the rooms that speak to people, `platform` one of those that ask the browser for more than drawing,
 * `wire` is generated from the server's description of all JSON (`make wire`).
 */
const BASICS = ["geometry", "model"];
const ROOMS = {
  platform: [],
  wire: [],
  geometry: [],
  i18n: [],
  model: ["geometry"],
  tools: BASICS,
  input: BASICS,
  render: BASICS,
  // decoding: what both sides say, what is made of masks, the worker, and the page's client of it
  "inference/protocol": BASICS,
  "inference/masks": [...BASICS, "inference/protocol"],
  "inference/worker": [...BASICS, "platform", "wire", "inference/protocol", "inference/masks"],
  "inference/worker/accelerator": [...BASICS, "platform", "inference/protocol", "inference/worker"],
  "inference/client": [...BASICS, "platform", "inference/protocol"],
  api: [...BASICS, "platform", "wire"],
  ui: [...BASICS, "i18n", "platform"],
  pages: ["api", "i18n", "platform", "wire"],
  // what people do, lowest first: nobody looks up
  "editor/state": [...BASICS, "api", "wire"],
  "editor/prompting": [
    ...BASICS,
    ...["api", "platform", "render", "editor/state"],
    ...["inference/protocol", "inference/client"],
  ],
  "editor/editing": [...BASICS, "platform", "editor/state"],
  "editor/viewing": [
    ...BASICS,
    ...["api", "platform", "render", "tools"],
    ...["editor/state", "editor/prompting", "editor/editing"],
  ],
  "editor/saving": [...BASICS, "api", "platform", "editor/state", "editor/prompting", "editor/editing"],
  "editor/session": [
    ...BASICS,
    ...["api", "render"],
    ...["editor/state", "editor/prompting", "editor/editing", "editor/saving"],
  ],
  "editor/suggestions": [...BASICS, "editor/state", "editor/editing", "editor/viewing", "editor/session"],
  "editor/review": [
    ...BASICS,
    ...["api", "platform"],
    ...["editor/state", "editor/editing", "editor/viewing", "editor/saving", "editor/session"],
  ],
  "editor/shell": [
    ...BASICS,
    ...["api", "input", "platform", "tools"],
    ...["state", "prompting", "editing", "viewing", "saving", "session", "suggestions", "review"].map(editorRoom),
  ],
};
const ENTRIES = "main\\.ts|pages\\.ts";
/** Tests, and what stands in for something in them, may look anywhere. */
const TESTS = "(\\.test\\.tsx?|-bench\\.ts|-fakes\\.ts|-fixtures\\.ts|/fake-[a-z-]+\\.ts)$";

function editorRoom(name) {
  return `editor/${name}`;
}

/** Keep one room's imports to the rooms it may know. */
function roomRule([room, allowed]) {
  const known = [room, ...allowed].join("|");
  return {
    name: `src/${room} looks beyond the rooms it may know`,
    severity: "error",
    from: { path: `^src/${room}/`, pathNot: TESTS },
    to: { path: "^src/", pathNot: `^src/(${known})/` },
  };
}

const places = `^src/(${ENTRIES}|(${Object.keys(ROOMS).join("|")})/[^/]+)$`;

export default {
  forbidden: [
    { name: "imports in a circle", severity: "error", from: {}, to: { circular: true } },
    { name: "unknown import", severity: "error", from: {}, to: { couldNotResolve: true, path: "^\\." } },
    { name: "nobody imports it", severity: "error", from: { orphan: true }, to: {} },
    { name: "a module outside the rooms", severity: "error", from: { path: "^src/", pathNot: places }, to: {} },
    { name: "imports a module outside the rooms", severity: "error", from: {}, to: { path: "^src/", pathNot: places } },
    {
      name: "the accelerator has one door: a model can do without it",
      severity: "error",
      from: { path: "^src/", pathNot: `^src/inference/worker/accelerator/|${TESTS}` },
      to: { path: "^src/inference/worker/accelerator/", pathNot: "/index\\.ts$" },
    },
    ...Object.entries(ROOMS).map(roomRule),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
    // asc writes these when kernels are built
    exclude: { path: "^kernels/" },
  },
};

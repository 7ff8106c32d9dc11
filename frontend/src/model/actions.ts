/** Everything that a key or a button can do, by name, with the keys it comes with. */

export type ActionGroup = "prompt" | "tools" | "edit" | "masks" | "view" | "flow" | "cursor";

interface ActionSpec {
  readonly id: string;
  readonly group: ActionGroup;
  readonly keys: readonly string[];
  readonly leftKeys?: readonly string[];
}

export const ACTIONS = [
  { id: "accept", group: "prompt", keys: ["Enter"] },
  { id: "abandon", group: "prompt", keys: ["Escape"] },
  { id: "candidateNext", group: "prompt", keys: ["Tab"] },
  { id: "candidatePrevious", group: "prompt", keys: ["Shift+Tab"] },
  { id: "toggleHover", group: "prompt", keys: ["H"] },
  { id: "refineWithModel", group: "prompt", keys: ["M"], leftKeys: ["C"] },
  { id: "sharpen", group: "prompt", keys: ["D"], leftKeys: ["Y"] },
  { id: "toolSelect", group: "tools", keys: ["V"], leftKeys: ["J"] },
  { id: "toolPoints", group: "tools", keys: ["P"], leftKeys: ["P"] },
  { id: "toolBox", group: "tools", keys: ["B"], leftKeys: ["O"] },
  { id: "toolBrush", group: "tools", keys: ["R"], leftKeys: ["U"] },
  { id: "toolEraser", group: "tools", keys: ["E"], leftKeys: ["I"] },
  { id: "toolLasso", group: "tools", keys: ["L"], leftKeys: ["K"] },
  { id: "brushSmaller", group: "tools", keys: ["["] },
  { id: "brushLarger", group: "tools", keys: ["]"] },
  { id: "undo", group: "edit", keys: ["Mod+Z"] },
  { id: "redo", group: "edit", keys: ["Mod+Shift+Z", "Mod+Y"] },
  { id: "delete", group: "edit", keys: ["Delete", "Backspace"] },
  { id: "duplicate", group: "edit", keys: ["Mod+D"] },
  { id: "merge", group: "edit", keys: ["G"] },
  { id: "subtract", group: "edit", keys: ["Shift+G"] },
  { id: "intersect", group: "edit", keys: ["Alt+G"] },
  { id: "fillHoles", group: "edit", keys: ["F"] },
  { id: "removeSpecks", group: "edit", keys: ["Shift+F"] },
  { id: "smooth", group: "edit", keys: ["S"] },
  { id: "moveUp", group: "edit", keys: ["PageUp"] },
  { id: "moveDown", group: "edit", keys: ["PageDown"] },
  { id: "toggleLock", group: "masks", keys: ["K"], leftKeys: ["T"] },
  { id: "selectAll", group: "masks", keys: ["Mod+A"] },
  { id: "selectNext", group: "masks", keys: ["N"] },
  { id: "selectPrevious", group: "masks", keys: ["Shift+N"] },
  { id: "searchLabels", group: "masks", keys: ["/"] },
  { id: "acceptSuggestion", group: "masks", keys: ["A"] },
  { id: "rejectSuggestion", group: "masks", keys: ["X"] },
  { id: "toggleRemaining", group: "masks", keys: ["U"], leftKeys: ["Q"] },
  { id: "nextGap", group: "masks", keys: ["J"], leftKeys: ["D"] },
  { id: "comment", group: "masks", keys: ["C"], leftKeys: ["Shift+C"] },
  { id: "zoomIn", group: "view", keys: ["+", "="] },
  { id: "zoomOut", group: "view", keys: ["-"] },
  { id: "fit", group: "view", keys: ["0", "Home"] },
  { id: "actualSize", group: "view", keys: ["Shift+1"] },
  { id: "zoomToSelection", group: "view", keys: ["Z"] },
  { id: "toggleMasks", group: "view", keys: ["Shift+H"] },
  { id: "toggleSolo", group: "view", keys: ["O"], leftKeys: ["W"] },
  { id: "toggleColors", group: "view", keys: ["Shift+C"], leftKeys: ["Alt+C"] },
  { id: "toggleSpotlight", group: "view", keys: ["T"], leftKeys: ["Shift+T"] },
  { id: "togglePanel", group: "view", keys: ["\\"] },
  { id: "submitNext", group: "flow", keys: ["Mod+Enter"] },
  { id: "skip", group: "flow", keys: ["Mod+Shift+Enter"] },
  { id: "imageNext", group: "flow", keys: ["."] },
  { id: "imagePrevious", group: "flow", keys: [","] },
  { id: "showShortcuts", group: "flow", keys: ["?", "F1"] },
  { id: "showGuidelines", group: "flow", keys: ["I"], leftKeys: ["Shift+I"] },
  { id: "cursorLeft", group: "cursor", keys: ["ArrowLeft"] },
  { id: "cursorRight", group: "cursor", keys: ["ArrowRight"] },
  { id: "cursorUp", group: "cursor", keys: ["ArrowUp"] },
  { id: "cursorDown", group: "cursor", keys: ["ArrowDown"] },
  { id: "cursorLeftFine", group: "cursor", keys: ["Shift+ArrowLeft"] },
  { id: "cursorRightFine", group: "cursor", keys: ["Shift+ArrowRight"] },
  { id: "cursorUpFine", group: "cursor", keys: ["Shift+ArrowUp"] },
  { id: "cursorDownFine", group: "cursor", keys: ["Shift+ArrowDown"] },
  { id: "cursorForeground", group: "cursor", keys: ["Space"] },
  { id: "cursorBackground", group: "cursor", keys: ["Shift+Space"] },
] as const satisfies readonly ActionSpec[];

export type ActionId = (typeof ACTIONS)[number]["id"];

type Listed = Omit<ActionSpec, "id"> & { readonly id: ActionId };

/** The table with its optional parts visible to the type checker. */
export const ACTION_LIST: readonly Listed[] = ACTIONS;

/** The chords of each action, such as "Mod+Shift+Z". */
export type Bindings = Readonly<Record<ActionId, readonly string[]>>;

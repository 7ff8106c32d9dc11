import { beforeEach, describe, expect, it } from "vitest";

import type { WorkspaceApi } from "../../api/workspace-api";
import { actionFor, DEFAULT_BINDINGS, LEFT_HANDED_BINDINGS } from "../../input/keymap";
import type { Preferences, WorkspaceConfig } from "../state/config";
import { makeStores, type Stores } from "../state/stores";
import { bindingsFor, Personal } from "./personal";

let stores: Stores;
let kept: Record<string, unknown>[];

const personal = (preferences: Preferences = {}): Personal => {
  const savePreferences = (changes: Record<string, unknown>): Promise<void> => {
    kept.push(changes);
    return Promise.resolve();
  };
  const api = { savePreferences } as unknown as WorkspaceApi;
  return new Personal({ preferences, theme: preferences.theme ?? "dark" } as WorkspaceConfig, api, stores);
};

beforeEach(() => {
  stores = makeStores(DEFAULT_BINDINGS, "en", null);
  kept = [];
});

describe("a person's own keys", () => {
  it("hold at once and are kept with the account", () => {
    const own = personal();
    own.bind("toolBrush", ["P"]);
    expect(actionFor(stores.bindings.get(), "P")).toBe("toolBrush");
    expect(stores.bindings.get().toolPoints).toEqual([]);
    expect(kept).toEqual([{ shortcuts: { toolBrush: ["P"] } }]);
    expect([...own.rebound.get()]).toEqual(["toolBrush"]);
  });

  it("are taken from another action that had them as its own", () => {
    const own = personal({ shortcuts: { toolBrush: ["P"] } });
    own.bind("toolEraser", ["P"]);
    expect(actionFor(stores.bindings.get(), "P")).toBe("toolEraser");
    expect(kept).toEqual([{ shortcuts: { toolBrush: [], toolEraser: ["P"] } }]);
  });

  it("go back one by one or all at once", () => {
    const own = personal({ shortcuts: { toolBrush: ["P"], undo: ["U"] } });
    own.bind("toolBrush", null);
    expect(kept).toEqual([{ shortcuts: { undo: ["U"] } }]);
    own.resetBindings();
    expect(stores.bindings.get()).toEqual(DEFAULT_BINDINGS);
    expect(own.rebound.get().size).toBe(0);
  });

  it("lie over the left-handed set as over the other", () => {
    const own = personal({ shortcuts: { undo: ["U"] } });
    own.useLeftHanded(true);
    const bindings = stores.bindings.get();
    expect(bindings.undo).toEqual(["U"]);
    expect(bindings.toolSelect).toEqual(LEFT_HANDED_BINDINGS.toolSelect);
    expect(kept).toEqual([{ is_left_handed: true }]);
    expect(bindingsFor({ is_left_handed: true, shortcuts: { undo: ["U"] } })).toEqual(bindings);
  });
});

describe("the theme", () => {
  it("is the one that the server chose until another is chosen, which is kept with the account", () => {
    const own = personal({ theme: "light" });
    expect(own.theme.get()).toBe("light");
    own.changeTheme("system");
    expect(own.theme.get()).toBe("system");
    expect(kept).toEqual([{ theme: "system" }]);
  });
});

/**
 * How a person likes the desk, kept in this browser: the width of the panel, the brush, the looks of the masks.
 *
 * What belongs to one image (brightness, hidden masks, only selected) is not kept: it would puzzle on the next one.
 */
import type { BrushSettings, ViewSettings } from "../model/view-settings";
import type { Stores } from "./stores";

type KeptView = Pick<ViewSettings, "opacity" | "colorBy" | "isHoverOn" | "isTimerHintOn">;
type KeptBrush = Pick<BrushSettings, "size" | "shape" | "hasPressure">;

interface Desk {
  readonly view: KeptView;
  readonly brush: KeptBrush;
  readonly panelWidth: number;
  readonly isPanelOpen: boolean;
}

type DeskStores = Pick<Stores, "settings" | "brush" | "panelWidth" | "isPanelOpen">;

/** Bring the desk back as it was left, and keep every change of it. */
export function rememberDesk(stores: DeskStores, storage: Pick<Storage, "getItem" | "setItem">, key: string): void {
  const kept = read(storage, key);
  if (kept) {
    stores.settings.update((settings) => ({ ...settings, ...kept.view }));
    stores.brush.update((brush) => ({ ...brush, ...kept.brush }));
    stores.panelWidth.set(kept.panelWidth);
    stores.isPanelOpen.set(kept.isPanelOpen);
  }
  const keep = (): void => write(storage, key, deskOf(stores));
  for (const store of [stores.settings, stores.brush, stores.panelWidth, stores.isPanelOpen]) store.subscribe(keep);
}

function deskOf(stores: DeskStores): Desk {
  const { opacity, colorBy, isHoverOn, isTimerHintOn } = stores.settings.get();
  const { size, shape, hasPressure } = stores.brush.get();
  return {
    view: { opacity, colorBy, isHoverOn, isTimerHintOn },
    brush: { size, shape, hasPressure },
    panelWidth: stores.panelWidth.get(),
    isPanelOpen: stores.isPanelOpen.get(),
  };
}

function read(storage: Pick<Storage, "getItem">, key: string): Desk | null {
  try {
    const text = storage.getItem(key);
    return text === null ? null : (JSON.parse(text) as Desk);
  } catch {
    return null; // storage is switched off, or holds something else: the desk is as it comes
  }
}

function write(storage: Pick<Storage, "setItem">, key: string, desk: Desk): void {
  try {
    storage.setItem(key, JSON.stringify(desk));
  } catch {
    // A full or closed storage costs the comfort of the next visit, nothing of the work.
  }
}

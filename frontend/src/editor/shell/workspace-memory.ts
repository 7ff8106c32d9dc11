/**
 * How a person likes the workspace, kept in this browser: the width of the panel, the brush, the looks of the masks.
 *
 * What belongs to one image (brightness, hidden masks, only selected) is not kept: it would puzzle on the next one.
 */
import type { LabelInfo } from "../../model/mask-record";
import type { BrushSettings, ViewSettings } from "../../model/view-settings";
import { readJson, type SmallStorage } from "../../platform/small-storage";
import type { Stores } from "../state/stores";

type KeptView = Pick<ViewSettings, "opacity" | "colorBy" | "isHoverOn" | "isTimerHintOn" | "labelKeyNames">;
type KeptBrush = Pick<BrushSettings, "size" | "shape" | "hasPressure">;

type Texts = Pick<SmallStorage, "getItem" | "setItem">;

interface KeptLooks {
  readonly view: KeptView;
  readonly brush: KeptBrush;
  readonly panelWidth: number;
  readonly isPanelOpen: boolean;
}

type KeptStores = Pick<Stores, "settings" | "brush" | "panelWidth" | "isPanelOpen">;

/** Bring the looks back as they were left, and keep every change of them. */
export function rememberWorkspace(stores: KeptStores, storage: Texts, key: string): void {
  const kept = readJson(storage, key) as KeptLooks | null;
  if (kept) {
    stores.settings.update((settings) => ({ ...settings, ...kept.view }));
    stores.brush.update((brush) => ({ ...brush, ...kept.brush }));
    stores.panelWidth.set(kept.panelWidth);
    stores.isPanelOpen.set(kept.isPanelOpen);
  }
  const keep = (): void => storage.setItem(key, JSON.stringify(keptOf(stores)));
  for (const store of [stores.settings, stores.brush, stores.panelWidth, stores.isPanelOpen]) store.subscribe(keep);
}

/** Bring back the label that the next mask gets, if the project still has it, and keep every change of it. */
export function rememberLabel(
  { currentLabel }: Pick<Stores, "currentLabel">,
  labels: readonly Pick<LabelInfo, "id">[],
  storage: Texts,
  key: string,
): void {
  const kept = readJson(storage, key);
  const label = labels.find(({ id }) => id === kept);
  if (label) currentLabel.set(label.id);
  currentLabel.subscribe(() => storage.setItem(key, JSON.stringify(currentLabel.get())));
}

function keptOf(stores: KeptStores): KeptLooks {
  const { opacity, colorBy, isHoverOn, isTimerHintOn, labelKeyNames } = stores.settings.get();
  const { size, shape, hasPressure } = stores.brush.get();
  return {
    view: { opacity, colorBy, isHoverOn, isTimerHintOn, labelKeyNames },
    brush: { size, shape, hasPressure },
    panelWidth: stores.panelWidth.get(),
    isPanelOpen: stores.isPanelOpen.get(),
  };
}

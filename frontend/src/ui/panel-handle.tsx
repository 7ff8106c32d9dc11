/** The edge between photo and panel: drag it, or move it with the arrow keys; a double click makes it as it was. */
import type { JSX } from "preact";

import { DEFAULT_PANEL_WIDTH, PANEL_WIDTHS } from "../model/view-settings";
import { holdPointer } from "../platform/pointers";
import { useStore, useSurroundings } from "./hooks";

const STEP_PX = 16;

export function PanelHandle(): JSX.Element | null {
  const { workspace, translator } = useSurroundings();
  const isOpen = useStore(workspace.isPanelOpen);
  const width = useStore(workspace.panelWidth);
  if (!isOpen) return null;
  const resize = (wanted: number): void =>
    workspace.panelWidth.set(Math.round(Math.min(Math.max(wanted, PANEL_WIDTHS.least), PANEL_WIDTHS.most)));
  return (
    <div
      class="panel-handle"
      role="separator"
      tabIndex={0}
      aria-orientation="vertical"
      aria-label={translator.t("panel.width")}
      aria-valuenow={width}
      aria-valuemin={PANEL_WIDTHS.least}
      aria-valuemax={PANEL_WIDTHS.most}
      onPointerDown={(event) => holdPointer(event.currentTarget, event.pointerId)}
      onPointerMove={(event) => {
        if (event.currentTarget.hasPointerCapture(event.pointerId)) resize(innerWidth - event.clientX);
      }}
      onDblClick={() => resize(DEFAULT_PANEL_WIDTH)}
      onKeyDown={(event) => {
        if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
        // The arrows are the handle's here, not the cursor's on the photo.
        event.preventDefault();
        event.stopPropagation();
        resize(width + (event.key === "ArrowLeft" ? STEP_PX : -STEP_PX));
      }}
    />
  );
}

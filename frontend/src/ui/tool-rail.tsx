/** The rail of tools on the left, and the options of the one in hand. */
import type { JSX } from "preact";

import type { ActionId } from "../model/actions";
import { MAX_BRUSH_SIZE, type ToolId } from "../model/view-settings";
import { chordText, IconButton, Slider, Switch } from "./controls";
import { useStore, useSurroundings } from "./hooks";

const TOOLS: readonly { readonly id: ToolId; readonly action: ActionId }[] = [
  { id: "select", action: "toolSelect" },
  { id: "points", action: "toolPoints" },
  { id: "box", action: "toolBox" },
  { id: "brush", action: "toolBrush" },
  { id: "eraser", action: "toolEraser" },
  { id: "lasso", action: "toolLasso" },
  { id: "comment", action: "comment" },
];

export function ToolRail(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const current = useStore(workspace.tool);
  const bindings = useStore(workspace.bindings);
  const { undo, redo } = useStore(workspace.undoState);
  const named = (key: "tool.undo" | "tool.redo", entry: string | null): string =>
    entry === null ? t(key) : `${t(key)}: ${translator.dynamic(`entry.${entry}`)}`;
  return (
    <div class="rail" role="toolbar" aria-label={t("tools.title")} aria-orientation="vertical">
      {TOOLS.map(({ id, action }) => (
        <IconButton
          key={id}
          icon={id}
          name={t(`tool.${id}`)}
          keys={chordText(bindings[action][0])}
          isPressed={current === id}
          onPress={() => workspace.chooseTool(id)}
        />
      ))}
      <hr />
      <IconButton
        icon="undo"
        name={named("tool.undo", undo)}
        keys={chordText(bindings.undo[0])}
        isDisabled={undo === null}
        onPress={() => workspace.perform("undo")}
      />
      <IconButton
        icon="redo"
        name={named("tool.redo", redo)}
        keys={chordText(bindings.redo[0])}
        isDisabled={redo === null}
        onPress={() => workspace.perform("redo")}
      />
      <span class="rail-space" />
      <IconButton
        icon="fit"
        name={t("tool.fit")}
        keys={chordText(bindings.fit[0])}
        onPress={() => workspace.perform("fit")}
      />
    </div>
  );
}

export function ToolOptions(): JSX.Element | null {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const tool = useStore(workspace.tool);
  const brush = useStore(workspace.brush);
  if (tool === "lasso") {
    return (
      <div class="options" role="group" aria-label={t("tool.options")}>
        <div class="segments" role="group" aria-label={t("lasso.mode")}>
          {(["add", "subtract", "split"] as const).map((mode) => (
            <button
              key={mode}
              type="button"
              aria-pressed={brush.lassoMode === mode}
              onClick={() => workspace.changeBrush({ lassoMode: mode })}
            >
              {t(`lasso.${mode}`)}
            </button>
          ))}
        </div>
      </div>
    );
  }
  if (tool !== "brush" && tool !== "eraser") return <TouchOptions />;
  return (
    <div class="options" role="group" aria-label={t("tool.options")}>
      <Slider
        name={t("brush.size")}
        value={brush.size}
        min={1}
        max={MAX_BRUSH_SIZE / 2}
        step={1}
        shown={t("brush.size.value", { size: brush.size })}
        onChange={(size) => workspace.changeBrush({ size })}
      />
      <div class="segments" role="group" aria-label={t("brush.shape")}>
        {(["round", "square"] as const).map((shape) => (
          <button
            key={shape}
            type="button"
            aria-pressed={brush.shape === shape}
            onClick={() => workspace.changeBrush({ shape })}
          >
            {t(`brush.${shape}`)}
          </button>
        ))}
      </div>
      <Switch
        name={t("brush.pressure")}
        isOn={brush.hasPressure}
        onChange={(hasPressure) => workspace.changeBrush({ hasPressure })}
      />
    </div>
  );
}

/** What a mouse does with its second button and the keyboard with Shift, for fingers and pens; hidden from mice. */
function TouchOptions(): JSX.Element | null {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const tool = useStore(workspace.tool);
  const { promptLabel, isSelectingSeveral } = useStore(workspace.brush);
  if (tool === "comment") return null;
  return (
    <div class="options touch-only" role="group" aria-label={t("tool.options")}>
      {tool === "select" ? (
        <Switch
          name={t("select.several")}
          isOn={isSelectingSeveral}
          onChange={(isOn) => workspace.changeBrush({ isSelectingSeveral: isOn })}
        />
      ) : (
        <div class="segments" role="group" aria-label={t("prompt.kind")}>
          {([1, 0] as const).map((label) => (
            <button
              key={label}
              type="button"
              aria-pressed={promptLabel === label}
              onClick={() => workspace.changeBrush({ promptLabel: label })}
            >
              {t(label === 1 ? "prompt.foreground" : "prompt.background")}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

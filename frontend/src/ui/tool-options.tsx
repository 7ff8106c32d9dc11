/** The options of the tool in hand, below the photo, where they cover nothing that can be clicked. */
import type { JSX } from "preact";

import { MAX_BRUSH_SIZE, type BrushSettings } from "../model/view-settings";
import { IconButton, Slider, Switch } from "./controls";
import { useStore, useSurroundings } from "./hooks";

export function ToolOptions(): JSX.Element | null {
  const { workspace, translator } = useSurroundings();
  const tool = useStore(workspace.tool);
  const isTouch = tool !== "lasso" && tool !== "brush" && tool !== "eraser";
  if (tool === "comment") return null;
  return (
    <div class={`options ${isTouch ? "touch-only" : ""}`} role="group" aria-label={translator.t("tool.options")}>
      {tool === "lasso" ? <LassoModes /> : isTouch ? <TouchOptions /> : <BrushOptions />}
    </div>
  );
}

/** Buttons of which one is pressed. */
function Segments<T extends string | number>(props: {
  readonly name: string;
  readonly choices: readonly (readonly [T, string])[];
  readonly chosen: T;
  onChoose(choice: T): void;
}): JSX.Element {
  return (
    <div class="segments" role="group" aria-label={props.name}>
      {props.choices.map(([choice, words]) => (
        <button
          key={choice}
          type="button"
          title={words}
          aria-pressed={props.chosen === choice}
          onClick={() => props.onChoose(choice)}
        >
          {words}
        </button>
      ))}
    </div>
  );
}

function LassoModes(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const { lassoMode } = useStore(workspace.brush);
  const modes: readonly BrushSettings["lassoMode"][] = ["add", "subtract", "split"];
  return (
    <Segments
      name={t("lasso.mode")}
      choices={modes.map((mode) => [mode, t(`lasso.${mode}`)] as const)}
      chosen={lassoMode}
      onChoose={(mode) => workspace.changeBrush({ lassoMode: mode })}
    />
  );
}

function BrushOptions(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const brush = useStore(workspace.brush);
  return (
    <>
      <Slider
        name={t("brush.size")}
        value={brush.size}
        min={1}
        max={MAX_BRUSH_SIZE / 2}
        step={1}
        shown={t("brush.size.value", { size: brush.size })}
        onChange={(size) => workspace.changeBrush({ size })}
      />
      {(["round", "square"] as const).map((shape) => (
        <IconButton
          key={shape}
          icon={shape}
          name={t(`brush.${shape}`)}
          isPressed={brush.shape === shape}
          onPress={() => workspace.changeBrush({ shape })}
        />
      ))}
      <IconButton
        class="pen-only"
        icon="pressure"
        name={t("brush.pressure")}
        isPressed={brush.hasPressure}
        onPress={() => workspace.changeBrush({ hasPressure: !brush.hasPressure })}
      />
    </>
  );
}

/** What a mouse does with its second button and the keyboard with Shift, for fingers and pens; hidden from mice. */
function TouchOptions(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const tool = useStore(workspace.tool);
  const { promptLabel, isSelectingSeveral } = useStore(workspace.brush);
  if (tool === "select")
    return (
      <Switch
        name={t("select.several")}
        isOn={isSelectingSeveral}
        onChange={(isOn) => workspace.changeBrush({ isSelectingSeveral: isOn })}
      />
    );
  return (
    <Segments
      name={t("prompt.kind")}
      choices={[
        [1, t("prompt.foreground")],
        [0, t("prompt.background")],
      ]}
      chosen={promptLabel}
      onChoose={(label) => workspace.changeBrush({ promptLabel: label })}
    />
  );
}

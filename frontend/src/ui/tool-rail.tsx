/** The rail of tools on the left. */
import type { JSX } from "preact";

import type { ActionId } from "../model/actions";
import type { ToolId } from "../model/view-settings";
import { chordText, IconButton } from "./controls";
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

/** The line below the photo: what a click does now, which key does what, the zoom, and the way from image to image. */
import type { JSX } from "preact";

import type { ViewSettings } from "../model/view-settings";
import { CandidateChip } from "./candidate-chip";
import { chordText, IconButton } from "./controls";
import { EditTargetSign, useEditTarget } from "./edit-target";
import { useStore, useSurroundings, useWording } from "./hooks";
import { ToolOptions } from "./tool-options";

export function HintLine(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const image = useStore(workspace.image);
  const bindings = useStore(workspace.bindings);
  const isReview = useStore(workspace.review)?.kind === "judge";
  return (
    <footer class="hint">
      <div class="hint-work">
        <div class="hint-tools">
          <ToolOptions />
          <CandidateChip />
        </div>
        <div class="hint-say">
          <EditTargetSign />
          <Hint />
        </div>
      </div>
      <div class="hint-ways">
        <ViewSigns />
        <Zoom />
        <IconButton
          icon="left"
          name={t("bar.previous")}
          keys={chordText(bindings.imagePrevious[0])}
          isDisabled={image?.previousId == null}
          onPress={() => workspace.perform("imagePrevious")}
        />
        <IconButton
          icon="right"
          name={t("bar.next")}
          keys={chordText(bindings.imageNext[0])}
          isDisabled={image?.nextId == null}
          onPress={() => workspace.perform("imageNext")}
        />
        <button type="button" class="button" onClick={() => workspace.perform("skip")}>
          {t("bar.skip")}
        </button>
        <button
          type="button"
          class="button primary"
          title={chordText(bindings.submitNext[0])}
          onClick={() => workspace.perform("submitNext")}
        >
          {t(isReview ? "review.accept" : "bar.submit")}
        </button>
      </div>
    </footer>
  );
}

function Hint(): JSX.Element | null {
  const { workspace, translator } = useSurroundings();
  const isSlow = useStore(workspace.isSlow);
  const bindings = useStore(workspace.bindings);
  const target = useEditTarget();
  const key = useHintKey();
  const wording = useWording();
  const keys = {
    next: chordText(bindings.candidateNext[0]) ?? "",
    accept: chordText(bindings.accept[0]) ?? "",
    abandon: chordText(bindings.abandon[0]) ?? "",
    smaller: chordText(bindings.brushSmaller[0]) ?? "",
    larger: chordText(bindings.brushLarger[0]) ?? "",
  };
  if (isSlow) return <span class="hint-text hint-slow">{translator.t("hint.slow")}</span>;
  // Why the tool has nothing to change is said in place of what it does.
  return target?.kind === "none" ? null : <span class="hint-text">{wording(key, keys)}</span>;
}

/** What a click does now. */
function useHintKey(): string {
  const { workspace } = useSurroundings();
  const tool = useStore(workspace.tool);
  const draft = useStore(workspace.draft);
  const { lassoMode } = useStore(workspace.brush);
  const pointed = useStore(workspace.pointedPrompt);
  const justMade = useStore(workspace.justMade);
  const { labelKeyNames } = useStore(workspace.settings);
  if (tool === "lasso" && lassoMode === "split") return "hint.lasso.split";
  if (tool !== "points" && tool !== "box") return `hint.${tool}`;
  if (draft) return pointed >= 0 ? "hint.point" : "hint.points.draft";
  const isNaming = justMade !== null && labelKeyNames === "made" && workspace.labels.length > 0;
  return isNaming ? "hint.made" : `hint.${tool}`;
}

/** What makes the photo or the masks look other than they are; one press puts it right. */
function ViewSigns(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const { brightness, contrast, areMasksHidden, isSolo } = useStore(workspace.settings);
  const percent = (value: number): string => t("hint.zoom", { percent: Math.round(value * 100) });
  const sign = (words: string, name: string, change: Partial<ViewSettings>): JSX.Element => (
    <button type="button" class="view-sign" title={name} onClick={() => workspace.changeSettings(change)}>
      {words}
    </button>
  );
  const look = t("view.look", { brightness: percent(brightness), contrast: percent(contrast) });
  return (
    <>
      {(brightness !== 1 || contrast !== 1) && sign(look, t("view.reset"), { brightness: 1, contrast: 1 })}
      {areMasksHidden && sign(t("view.hidden"), t("action.toggleMasks"), { areMasksHidden: false })}
      {!areMasksHidden && isSolo && sign(t("view.solo"), t("action.toggleSolo"), { isSolo: false })}
    </>
  );
}

function Zoom(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const view = useStore(workspace.view);
  const percent = Math.round(view.scale * devicePixelRatio * 100);
  return (
    <button
      type="button"
      class="zoom"
      aria-label={`${t("action.actualSize")}, ${t("hint.zoom", { percent })}`}
      title={t("action.actualSize")}
      onClick={() => workspace.perform("actualSize")}
    >
      {t("hint.zoom", { percent })}
    </button>
  );
}

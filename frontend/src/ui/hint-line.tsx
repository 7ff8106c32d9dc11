/** The line below the photo: what a click does now, which key does what, the zoom, and the way from image to image. */
import type { JSX } from "preact";

import { chordText, IconButton } from "./controls";
import { useStore, useSurroundings } from "./hooks";

export function HintLine(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const image = useStore(workspace.image);
  const bindings = useStore(workspace.bindings);
  const isReview = useStore(workspace.review)?.kind === "judge";
  return (
    <footer class="hint">
      <Hint />
      <span class="bar-space" />
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
    </footer>
  );
}

function Hint(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const tool = useStore(workspace.tool);
  const draft = useStore(workspace.draft);
  const brush = useStore(workspace.brush);
  const isSlow = useStore(workspace.isSlow);
  const bindings = useStore(workspace.bindings);
  const keys = {
    next: chordText(bindings.candidateNext[0]) ?? "",
    accept: chordText(bindings.accept[0]) ?? "",
    abandon: chordText(bindings.abandon[0]) ?? "",
    smaller: chordText(bindings.brushSmaller[0]) ?? "",
    larger: chordText(bindings.brushLarger[0]) ?? "",
  };
  if (isSlow) return <span class="hint-text hint-slow">{t("hint.slow")}</span>;
  const isPrompting = draft !== null && (tool === "points" || tool === "box");
  const isSplitting = tool === "lasso" && brush.lassoMode === "split";
  const key = isPrompting ? "hint.points.draft" : isSplitting ? "hint.lasso.split" : (`hint.${tool}` as const);
  return <span class="hint-text">{t(key, keys)}</span>;
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

/** "What is left": the share of the photo without a mask, its heat map, and the way to the next gap. */
import type { JSX } from "preact";

import { chordText, Section, Switch } from "./controls";
import { useStore, useSurroundings } from "./hooks";
import "./work.css";

export function RemainingSection(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const remaining = useStore(workspace.remaining);
  const likelihood = remaining?.places[remaining.at]?.likelihood ?? null;
  const bindings = useStore(workspace.bindings);
  return (
    <Section title={t("left.title")}>
      <div class="switches">
        <Switch
          name={t("left.show")}
          isOn={remaining !== null}
          keys={chordText(bindings.toggleRemaining[0])}
          onChange={() => workspace.perform("toggleRemaining")}
        />
      </div>
      {remaining && (
        <p class="left-share" role="status">
          {t("left.share", { percent: Math.round(100 * remaining.share) })}{" "}
          {remaining.at >= 0 && t("left.at", { at: remaining.visited, count: remaining.places.length })}{" "}
          {likelihood !== null && t("left.likely", { percent: Math.round(100 * likelihood) })}
          {remaining.isAsking && t("left.looking")}
        </p>
      )}
      <div class="buttons">
        <button
          type="button"
          class="button"
          title={chordText(bindings.nextGap[0])}
          onClick={() => workspace.perform("nextGap")}
        >
          {t("left.next")} <kbd>{chordText(bindings.nextGap[0])}</kbd>
        </button>
      </div>
    </Section>
  );
}

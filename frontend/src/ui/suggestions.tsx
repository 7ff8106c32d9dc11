/** The model's suggestions: how many are good enough, and what becomes of them. */
import type { JSX } from "preact";

import type { SuggestionFilter } from "../model/suggestion-filter";
import { Section, Slider } from "./controls";
import { useStore, useSurroundings } from "./hooks";

export function Suggestions(): JSX.Element | null {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const masks = useStore(workspace.masks);
  const filter = useStore(workspace.suggestions);
  const all = masks.filter(({ state }) => state === "suggestion");
  if (all.length === 0) return null;
  const shown = all.filter(
    (record) => (record.predictedIou ?? 1) >= filter.minIou && (record.stabilityScore ?? 1) >= filter.minStability,
  );
  const change = (part: Partial<SuggestionFilter>): void => {
    workspace.suggestions.set({ ...filter, ...part });
    // The masks on the photo follow the same threshold.
    workspace.changeSettings({});
  };
  const ids = shown.map(({ id }) => id);
  return (
    <Section
      title={t("suggestions.title")}
      aside={<span class="count">{t("suggestions.shown", { shown: shown.length, total: all.length })}</span>}
    >
      <Slider
        name={t("suggestions.iou")}
        value={filter.minIou}
        min={0}
        max={1}
        step={0.01}
        shown={filter.minIou.toFixed(2)}
        onChange={(minIou) => change({ minIou })}
      />
      <Slider
        name={t("suggestions.stability")}
        value={filter.minStability}
        min={0}
        max={1}
        step={0.01}
        shown={filter.minStability.toFixed(2)}
        onChange={(minStability) => change({ minStability })}
      />
      <div class="buttons">
        <button
          type="button"
          class="button primary"
          disabled={ids.length === 0}
          onClick={() => workspace.decideSuggestions(ids, true)}
        >
          {t("suggestions.accept")}
        </button>
        <button
          type="button"
          class="button"
          disabled={ids.length === 0}
          onClick={() => workspace.decideSuggestions(ids, false)}
        >
          {t("suggestions.reject")}
        </button>
      </div>
    </Section>
  );
}

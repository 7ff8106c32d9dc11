/** The panel on the right: conflicts first, then masks, the selected one, labels, suggestions, comments and the view. */
import type { JSX } from "preact";

import { AttributeFields } from "./attributes";
import { Comments } from "./comments";
import { Conflicts } from "./conflicts";
import { Slider, Switch, Section, chordText } from "./controls";
import { useStore, useSurroundings } from "./hooks";
import { LabelList } from "./label-list";
import { MaskList } from "./mask-list";
import { Tips } from "./messages";
import { Refused } from "./refused";
import { RemainingSection } from "./remaining-section";
import { ReviewSection } from "./review-section";
import { Suggestions } from "./suggestions";

export function SidePanel(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const isOpen = useStore(workspace.isPanelOpen);
  return (
    <aside class="panel" hidden={!isOpen} aria-label={translator.t("panel.title")}>
      <Conflicts />
      <Refused />
      <Tips />
      <ReviewSection />
      <Suggestions />
      <MaskList />
      <SelectedMask />
      <LabelList />
      <RemainingSection />
      <Comments />
      <ViewSection />
    </aside>
  );
}

const ONE = [
  ["refineWithModel", "selected.refine"],
  ["duplicate", "selected.duplicate"],
  ["fillHoles", "selected.fill"],
  ["removeSpecks", "selected.specks"],
  ["smooth", "selected.smooth"],
  ["comment", "selected.comment"],
] as const;
const SEVERAL = [
  ["merge", "selected.merge"],
  ["subtract", "selected.subtract"],
  ["intersect", "selected.intersect"],
] as const;

function SelectedMask(): JSX.Element | null {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const selection = useStore(workspace.selection);
  const masks = useStore(workspace.masks);
  const bindings = useStore(workspace.bindings);
  const records = masks.filter(({ id }) => selection.has(id));
  if (records.length === 0) return null;
  const title = records.length === 1 ? t("selected.title") : t("masks.multiple", { count: records.length });
  const isSuggestion = records.some(({ state }) => state === "suggestion");
  return (
    <Section title={title} class="selected">
      {isSuggestion && (
        <div class="buttons">
          <button type="button" class="button primary" onClick={() => workspace.perform("acceptSuggestion")}>
            {t("suggestion.accept")}
          </button>
          <button type="button" class="button" onClick={() => workspace.perform("rejectSuggestion")}>
            {t("suggestion.reject")}
          </button>
        </div>
      )}
      <div class="buttons">
        {(records.length === 1 ? ONE : SEVERAL).map(([action, key]) => (
          <button
            key={action}
            type="button"
            class="button"
            title={chordText(bindings[action][0])}
            onClick={() => workspace.perform(action)}
          >
            {t(key)}
          </button>
        ))}
        {records.length === 1 && (
          <button type="button" class="button" onClick={() => workspace.dialog.set("versions")}>
            {t("selected.versions")}
          </button>
        )}
      </div>
      <AttributeFields records={records} />
    </Section>
  );
}

const SWITCHES = [
  ["areMasksHidden", "view.hide", "toggleMasks"],
  ["isSolo", "view.solo", "toggleSolo"],
  ["isHoverOn", "view.hover", "toggleHover"],
  ["isSpotlightOn", "view.spotlight", "toggleSpotlight"],
] as const;

function ViewSection(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const settings = useStore(workspace.settings);
  const bindings = useStore(workspace.bindings);
  const percent = (value: number): string => t("hint.zoom", { percent: Math.round(value * 100) });
  return (
    <details class="section fold">
      <summary>{t("view.title")}</summary>
      {(["opacity", "brightness", "contrast"] as const).map((name) => (
        <Slider
          key={name}
          name={t(`view.${name}`)}
          value={settings[name]}
          min={name === "opacity" ? 0 : 0.3}
          max={name === "opacity" ? 1 : 2.5}
          step={0.05}
          shown={percent(settings[name])}
          onChange={(value) => workspace.changeSettings({ [name]: value })}
        />
      ))}
      <div class="switches">
        {SWITCHES.map(([name, key, action]) => (
          <Switch
            key={name}
            name={t(key)}
            isOn={settings[name]}
            keys={chordText(bindings[action][0])}
            onChange={(isOn) => workspace.changeSettings({ [name]: isOn })}
          />
        ))}
        <Switch
          name={t("view.instances")}
          isOn={settings.colorBy === "instance"}
          keys={chordText(bindings.toggleColors[0])}
          onChange={(isOn) => workspace.changeSettings({ colorBy: isOn ? "instance" : "label" })}
        />
        <Switch
          name={t("view.label.next")}
          isOn={settings.labelKeyNames === "next"}
          onChange={(isOn) => workspace.changeSettings({ labelKeyNames: isOn ? "next" : "made" })}
        />
        <Switch
          name={t("view.timer")}
          isOn={settings.isTimerHintOn}
          onChange={(isTimerHintOn) => workspace.changeSettings({ isTimerHintOn })}
        />
      </div>
      <button
        type="button"
        class="button"
        onClick={() => workspace.changeSettings({ brightness: 1, contrast: 1, opacity: 0.4 })}
      >
        {t("view.reset")}
      </button>
    </details>
  );
}

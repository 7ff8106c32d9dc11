/** The bar above the photo: where one is, whether all is saved, how fast the model is, and the way on. */
import type { JSX } from "preact";

import { LOCALES } from "../i18n/translate";
import { chordText, IconButton } from "./controls";
import { useStore, useSurroundings } from "./hooks";

/** States of an image that whoever opens it should know of: its masks are out of the annotators' hands. */
const DONE: ReadonlySet<string> = new Set(["submitted", "reviewed"]);

export function TopBar(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const image = useStore(workspace.image);
  const bindings = useStore(workspace.bindings);
  const stage = useStore(workspace.stage);
  return (
    <header class="bar">
      <a class="bar-back" href={`${location.pathname.split("/").slice(0, 3).join("/")}/`} title={t("bar.back")}>
        <span aria-hidden="true">‹</span> {workspace.projectName}
      </a>
      <h1 class="bar-name" title={image?.name}>
        {image?.name ?? ""}
      </h1>
      {image && <span class="bar-quiet">{t("bar.position", { position: image.position, total: image.total })}</span>}
      {image && DONE.has(image.workStatus) && (
        <span class="bar-chip">{translator.dynamic(`work.${image.workStatus}`)}</span>
      )}
      <SaveState />
      <EngineState />
      <span class="bar-space" />
      <PaceText />
      {stage !== "" && <span class="bar-chip">{translator.dynamic(`stage.${stage}`)}</span>}
      <IconButton
        icon="book"
        name={t("bar.guidelines")}
        keys={chordText(bindings.showGuidelines[0])}
        onPress={() => workspace.perform("showGuidelines")}
      />
      <IconButton
        icon="keyboard"
        name={t("bar.shortcuts")}
        keys={chordText(bindings.showShortcuts[0])}
        onPress={() => workspace.perform("showShortcuts")}
      />
      <LanguageChoice />
      <IconButton
        icon="panel"
        name={t("bar.panel")}
        keys={chordText(bindings.togglePanel[0])}
        onPress={() => workspace.perform("togglePanel")}
      />
      <span class="bar-user" title={workspace.userName} aria-hidden="true">
        {workspace.userName.slice(0, 1).toUpperCase()}
      </span>
    </header>
  );
}

function SaveState(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { state, pending } = useStore(workspace.save);
  return (
    <span class={`save save-${state}`} role="status" data-save-state={state}>
      <i aria-hidden="true" />
      {translator.t(`save.${state}`, { pending })}
      {state === "signed-out" && (
        <a class="button" href={`/login/?next=${encodeURIComponent(location.pathname)}`}>
          {translator.t("save.sign.in")}
        </a>
      )}
    </span>
  );
}

function EngineState(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const engine = useStore(workspace.engine);
  const draft = useStore(workspace.draft);
  if (engine.state !== "ready")
    return (
      <span class={`engine engine-${engine.state}`} role="status">
        {t(`engine.${engine.state}`)}
      </span>
    );
  const { clickToPaint } = engine;
  return (
    <span class="engine engine-ready">
      <button
        type="button"
        class="engine-button"
        data-engine={engine.name}
        title={`${t("bar.median.title")} · ${engine.name}`}
        onClick={() => workspace.dialog.set("engine")}
      >
        {clickToPaint ? t("bar.median", { ms: Math.round(clickToPaint.p50Ms) }) : t("engine.ready")}
      </button>
      {draft?.seen.at(0)?.embedding.cropBox && <span class="bar-chip">{t("engine.fine")}</span>}
    </span>
  );
}

function PaceText(): JSX.Element | null {
  const { workspace, translator } = useSurroundings();
  const { masks, secondsPerMask } = useStore(workspace.pace);
  if (masks === 0) return null;
  return (
    <span class="bar-quiet bar-pace">
      {translator.t("bar.pace", { masks, seconds: translator.number(secondsPerMask, 1) })}
    </span>
  );
}

function LanguageChoice(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  return (
    <select
      class="language"
      aria-label={translator.t("bar.language")}
      value={translator.locale}
      onChange={(event) => workspace.changeLocale(event.currentTarget.value)}
    >
      {LOCALES.map(({ id, name }) => (
        <option key={id} value={id}>
          {name}
        </option>
      ))}
    </select>
  );
}

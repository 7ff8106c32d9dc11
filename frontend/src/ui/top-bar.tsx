/** The bar above the photo: where one is, whether all is saved, how fast the model is, and the way on. */
import type { JSX } from "preact";

import { LOCALES, type Translator } from "../i18n/translate";
import type { SaveInfo } from "../model/workspace";
import { chordText, IconButton } from "./controls";
import { useStore, useSurroundings } from "./hooks";
import { ThemeChoice } from "./theme-choice";

/** States of an image that whoever opens it should know of: its masks are out of the annotators' hands. */
const DONE: ReadonlySet<string> = new Set(["submitted", "reviewed"]);

export function TopBar(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const image = useStore(workspace.image);
  const bindings = useStore(workspace.bindings);
  const stage = useStore(workspace.stage);
  const leave = (event: MouseEvent): void => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a new tab: this page stays
    event.preventDefault();
    workspace.leave(projectAddress());
  };
  return (
    <header class="bar">
      <div class="bar-where">
        <a class="bar-back" href={projectAddress()} title={t("bar.back")} onClick={leave}>
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
      </div>
      <div class="bar-ways">
        <People />
        <EngineState />
        <span class="bar-space" />
        <PaceText />
        {stage !== "" && <span class="bar-chip bar-stage">{translator.dynamic(`stage.${stage}`)}</span>}
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
        <ThemeChoice />
        <IconButton
          icon="panel"
          name={t("bar.panel")}
          keys={chordText(bindings.togglePanel[0])}
          onPress={() => workspace.perform("togglePanel")}
        />
        <span class="bar-user" title={workspace.userName} aria-hidden="true">
          {workspace.userName.slice(0, 1).toUpperCase()}
        </span>
      </div>
    </header>
  );
}

/** What is saved, in two lines at most; all of it is shown below the bar to whoever points at it or moves the focus to it. */
function SaveState(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { state, pending, elsewhere, isKept } = useStore(workspace.save);
  const isSafe = isKept || state === "saved" || state === "saving";
  const words = translator.t(isSafe ? `save.${state}` : "save.unkept", { pending });
  const others = elsewhere.masks > 0 ? elsewhereText(translator, elsewhere) : "";
  const isCalm = state === "saved" && others === "";
  return (
    <span
      class={`save save-${state}`}
      role="status"
      data-save-state={state}
      data-full={[words, others].filter(Boolean).join(" · ")}
      tabIndex={isCalm ? undefined : 0}
    >
      <i aria-hidden="true" />
      <span class="save-words">
        <span>{words}</span> {others !== "" && <span class="save-elsewhere">{others}</span>}
      </span>
      {state === "signed-out" && (
        <a class="button" href={`/login/?next=${encodeURIComponent(location.pathname)}`}>
          {translator.t("save.sign.in")}
        </a>
      )}
    </span>
  );
}

function People(): JSX.Element | null {
  const { workspace, translator } = useSurroundings();
  const people = useStore(workspace.people);
  if (people.length === 0) return null;
  const names = people.join(", ");
  return (
    <span class="bar-chip people" role="status" title={translator.t("presence.title", { names })}>
      {translator.t("presence.here", { names })}
    </span>
  );
}

function elsewhereText({ t }: Translator, { masks, images }: SaveInfo["elsewhere"]): string {
  if (images > 1) return t("save.elsewhere.images", { masks, images });
  return masks === 1 ? t("save.elsewhere.one") : t("save.elsewhere.image", { masks });
}

function projectAddress(): string {
  return `${location.pathname.split("/").slice(0, 3).join("/")}/`;
}

function EngineState(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const engine = useStore(workspace.engine);
  if (engine.state !== "ready")
    return (
      <span class={`engine engine-${engine.state}`} role="status" title={t(`engine.${engine.state}`)}>
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
    </span>
  );
}

function PaceText(): JSX.Element | null {
  const { workspace, translator } = useSurroundings();
  const { masks, secondsPerMask } = useStore(workspace.pace);
  if (masks === 0) return null;
  const text = translator.t("bar.pace", { masks, seconds: translator.number(secondsPerMask, 1) });
  return (
    <span class="bar-quiet bar-pace" title={text}>
      {text}
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

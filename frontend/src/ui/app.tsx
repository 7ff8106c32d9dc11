/** The panels around the canvases, and how they are put on the page. */
import { render, type JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

import { loadMessages, localeOf, Translator } from "../i18n/translate";
import type { Workspace } from "../model/workspace";
import { Boundary } from "./boundary";
import { Dialogs } from "./dialogs";
import { HintLine } from "./hint-line";
import { SurroundingsContext, useStore } from "./hooks";
import { Announcer, Notices } from "./messages";
import { PanelHandle } from "./panel-handle";
import { Pins } from "./pins";
import { SidePanel } from "./side-panel";
import { ToolRail } from "./tool-rail";
import { TopBar } from "./top-bar";
import "./bar.css";
import "./people.css";
import "./hand.css";

const ON_PHOTO = [Pins, Notices];
const AROUND = [TopBar, ToolRail, Floating, PanelHandle, SidePanel, HintLine, Dialogs, Announcer];

interface AppProps {
  readonly workspace: Workspace;
  readonly first: Translator;
  readonly stage: HTMLElement;
}

function App({ workspace, first, stage }: AppProps) {
  const translator = useTranslator(workspace, first);
  const isPanelOpen = useStore(workspace.isPanelOpen);
  const image = useStore(workspace.image);
  const panelWidth = useStore(workspace.panelWidth);
  useEffect(() => stage.parentElement?.style.setProperty("--panel-width", `${panelWidth}px`), [panelWidth]);
  useEffect(() => {
    document.documentElement.lang = translator.locale;
    stage.parentElement?.classList.toggle("panel-closed", !isPanelOpen);
    const name = translator.t("canvas.label", { name: image?.name ?? "" });
    stage.querySelector(".overlay")?.setAttribute("aria-label", name);
  }, [translator, isPanelOpen, image]);
  return (
    <SurroundingsContext.Provider value={{ workspace, translator }}>
      <Guarded panels={AROUND} />
    </SurroundingsContext.Provider>
  );
}

function Floating() {
  return (
    <div class="float">
      <Guarded panels={ON_PHOTO} />
    </div>
  );
}

/** Panels of which each may fail alone. */
function Guarded({ panels }: { readonly panels: readonly (() => JSX.Element | null)[] }) {
  return panels.map((Panel, i) => (
    <Boundary key={i}>
      <Panel />
    </Boundary>
  ));
}

/** The translator of the chosen language; the one before stays until the new one is there. */
function useTranslator(workspace: Workspace, first: Translator): Translator {
  const [translator, setTranslator] = useState(first);
  const locale = useStore(workspace.locale);
  useEffect(() => {
    let isCurrent = true;
    const wanted = localeOf(locale);
    const load = async (): Promise<void> => {
      const messages = await loadMessages(wanted);
      if (isCurrent) setTranslator(new Translator(wanted, messages));
    };
    // Without the new language the one before stays, which is all that can be done.
    load().catch(() => undefined);
    return () => {
      isCurrent = false;
    };
  }, [locale]);
  return translator;
}

export function mountPanels(
  host: HTMLElement,
  stage: HTMLElement,
  workspace: Workspace,
  first: Translator,
): () => void {
  render(<App workspace={workspace} first={first} stage={stage} />, host);
  return () => render(null, host);
}

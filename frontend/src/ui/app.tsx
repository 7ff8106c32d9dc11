/** The panels around the canvases, and how they are put on the page. */
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";

import { loadMessages, pickLocale, Translator } from "../i18n/translate";
import type { Workspace } from "../model/workspace";
import { CandidateChip } from "./candidate-chip";
import { Dialogs } from "./dialogs";
import { HintLine } from "./hint-line";
import { SurroundingsContext, useStore } from "./hooks";
import { Announcer, Notices } from "./messages";
import { PanelHandle } from "./panel-handle";
import { Pins } from "./pins";
import { SidePanel } from "./side-panel";
import { ToolOptions, ToolRail } from "./tool-rail";
import { TopBar } from "./top-bar";
import "./people.css";

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
      <TopBar />
      <ToolRail />
      <div class="float">
        <Pins />
        <ToolOptions />
        <CandidateChip />
        <Notices />
      </div>
      <PanelHandle />
      <SidePanel />
      <HintLine />
      <Dialogs />
      <Announcer />
    </SurroundingsContext.Provider>
  );
}

/** The translator of the chosen language; the one before stays until the new one is there. */
function useTranslator(workspace: Workspace, first: Translator): Translator {
  const [translator, setTranslator] = useState(first);
  const locale = useStore(workspace.locale);
  useEffect(() => {
    let isCurrent = true;
    const wanted = pickLocale(locale, []);
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

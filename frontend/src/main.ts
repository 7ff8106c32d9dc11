/** Entry of the workspace page: reads the page's configuration, builds the rooms and opens the image. */
import "./ui/workspace.css";

import { makeHttpClient } from "./api/http";
import { openJournal } from "./api/journal";
import { listenForHints, type Hint } from "./api/live";
import { WorkspaceApi } from "./api/workspace-api";
import { browserDecoder } from "./editor/browser-decoder";
import { readConfig, type WorkspaceConfig } from "./editor/config";
import { Editor } from "./editor/editor";
import { bindingsFor } from "./editor/personal";
import { makeStores } from "./editor/stores";
import { workspaceDoor } from "./editor/workspace-door";
import { loadMessages, pickLocale, Translator } from "./i18n/translate";
import { createDecoderClient, type DecoderClient, type EngineInfo, type EngineName } from "./inference/decoder-client";
import { mountPanels } from "./ui/app";
import { buildPage } from "./ui/page";

async function start(): Promise<void> {
  const config = readConfig(document.querySelector("#workspace-config")?.textContent ?? "{}");
  const page = buildPage(document.querySelector<HTMLElement>("#workspace") ?? document.body);
  const locale = pickLocale(config.preferences.locale, navigator.languages);
  const stores = makeStores(bindingsFor(config.preferences), locale, config.labels.at(0)?.id ?? null);
  let info: EngineInfo | null = null;
  const takeEngine = (found: EngineInfo): void => {
    info = found;
    const { engine: name, trials, override } = found;
    stores.engine.update((engine) => ({ ...engine, name, trials, override }));
  };
  const client = createDecoderClient({ api: config.api, csrf: config.csrf, onEngine: takeEngine });
  const api = new WorkspaceApi(makeHttpClient(config.api, config.csrf));
  const [journal, messages] = await Promise.all([openJournal(config.user.id), loadMessages(locale)]);
  const decoder = browserDecoder(client, () => info);
  const editor = new Editor({ config, api, journal, decoder, stores, canvases: page, storage: localStorage });
  const useEngine = (name: string | null): void => {
    client.useEngine(name as EngineName | null).then(takeEngine, (error: unknown) => {
      editor.notices.tell("error", "notice.model.failed", { reason: String(error) });
    });
  };
  mountPanels(page.panels, page.stage, workspaceDoor(editor, config, useEngine), new Translator(locale, messages));
  const wanted = new URLSearchParams(location.search).get("annotation");
  const opening = editor.flow.open(config.image_id).then(() => {
    if (wanted !== null) showMask(editor, wanted);
  });
  await openModel(client, config, editor, takeEngine);
  await opening;
  listen(config, editor);
}

/** A link to one mask (`?annotation=ID`) selects it and brings it into view. */
function showMask(editor: Editor, id: string): void {
  if (!editor.session?.document.get(id)) return;
  editor.selecting.select(id, "only");
  editor.zoomToSelection();
}

async function openModel(
  client: DecoderClient,
  config: WorkspaceConfig,
  editor: Editor,
  take: (info: EngineInfo) => void,
): Promise<void> {
  const { engine } = editor.stores;
  try {
    if (config.model.manifest_url === null) throw new Error("The project has no model.");
    take(await client.open(config.model.manifest_url));
    engine.update((status) => ({ ...status, state: "waiting" }));
    if (editor.session) editor.flow.noteEmbedding(editor.session);
    editor.session?.prompting.refresh();
  } catch (error) {
    engine.update((status) => ({ ...status, state: "failed" }));
    editor.notices.tell("error", "notice.model.failed", {
      reason: error instanceof Error ? error.message : String(error),
    });
  }
}

function listen(config: WorkspaceConfig, editor: Editor): void {
  const refresh = (): void => void editor.session?.reload().catch(() => undefined);
  const onHint = (hint: Hint): void => {
    const { session } = editor;
    if (!session || hint.image_id !== session.detail.id) return;
    if (hint.type === "annotations.changed" && hint.user_id !== config.user.id) refresh();
    if (hint.type === "image.ready" || hint.type === "embedding.progress") void editor.flow.checkEmbedding(session);
    if (hint.type === "image.changed") {
      void editor.reviewing.loadComments();
      void editor.work.review.load();
    }
  };
  const stop = listenForHints(`${location.origin.replace(/^http/, "ws")}${config.ws_url}`, onHint, refresh);
  window.addEventListener("online", () => void editor.session?.outbox.flush());
  window.addEventListener("pagehide", stop, { once: true });
}

void start();

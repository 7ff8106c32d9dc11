/** Entry of the workspace page: reads the page's configuration, builds the rooms and opens the image. */
import "./ui/workspace.css";

import { ApiError, makeHttpClient } from "./api/http";
import { openJournal } from "./api/journal";
import { listenForHints, type Hint } from "./api/live";
import { WorkspaceApi } from "./api/workspace-api";
import { AccessGuard } from "./editor/access-guard";
import { browserDecoder } from "./editor/browser-decoder";
import { readConfig, type WorkspaceConfig } from "./editor/config";
import { Editor } from "./editor/editor";
import { ModelHost } from "./editor/model-host";
import { reasonOf } from "./editor/notices";
import { bindingsFor } from "./editor/personal";
import { rehearse } from "./editor/rehearsal";
import { makeStores } from "./editor/stores";
import { workspaceDoor } from "./editor/workspace-door";
import { loadMessages, pickLocale, Translator } from "./i18n/translate";
import type { DecoderClient, EngineInfo, EngineName } from "./inference/decoder-client";
import { createDecoderClient } from "./inference/page-decoder";
import type { EngineState } from "./model/workspace";
import { mountPanels } from "./ui/app";
import { buildPage } from "./ui/page";

const TO_PROJECTS = { key: "action.projects", run: () => location.assign("/projects/") };

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
  const client = createDecoderClient({ api: config.api, csrf: config.csrf, onEngine: takeEngine, rehearse });
  const http = makeHttpClient(config.api, config.csrf);
  const guard: AccessGuard = new AccessGuard({
    imageId: () => editor.session?.detail.id ?? null,
    askProject: () => http.get(`/projects/${config.project_id}`),
    tell: (key) => editor.notices.tell("error", key, {}, TO_PROJECTS),
  });
  const api = new WorkspaceApi(guard.watch(http));
  const [journal, messages] = await Promise.all([openJournal(config.user.id), loadMessages(locale)]);
  const host = modelHost(client, config, takeEngine, () => editor);
  const decoder = browserDecoder(
    client,
    () => info,
    (version) => void host.use(version),
    (imageId) => (editor.session?.detail.id === imageId ? editor.viewing.picture : null),
  );
  const editor: Editor = new Editor({ config, api, journal, decoder, stores, canvases: page, storage: localStorage });
  const useEngine = (name: string | null): void => {
    client.useEngine(name as EngineName | null).then(takeEngine, (error: unknown) => {
      editor.notices.tell("error", "notice.model.failed", reasonOf(error));
    });
  };
  mountPanels(page.panels, page.stage, workspaceDoor(editor, config, useEngine), new Translator(locale, messages));
  const wanted = new URLSearchParams(location.search).get("annotation");
  const opening = editor.flow.open(config.image_id).then(() => {
    if (wanted !== null) showMask(editor, wanted);
  });
  if (config.model.version === null) tellFailed(editor, new ApiError(0, "no_model", "The project has no model.", null));
  else void host.use(config.model.version);
  await opening;
  listen(config, editor, guard);
}

/** A link to one mask (`?annotation=ID`) selects it and brings it into view. */
function showMask(editor: Editor, id: string): void {
  if (!editor.session?.document.get(id)) return;
  editor.selecting.select(id, "only");
  editor.selected.bringNear();
}

/** What happens around opening a model: the bar says so, and prompts made meanwhile are answered afterwards. */
function modelHost(
  client: DecoderClient,
  config: WorkspaceConfig,
  take: (info: EngineInfo) => void,
  getEditor: () => Editor,
): ModelHost<EngineInfo> {
  const tell = (state: EngineState): void => getEditor().stores.engine.update((status) => ({ ...status, state }));
  return new ModelHost(config.api, {
    open: (manifestUrl) => client.open(manifestUrl),
    onOpening: () => tell("loading"),
    onOpened: (info) => {
      const { session, flow } = getEditor();
      take(info);
      tell("waiting");
      if (session) flow.noteEmbedding(session);
      session?.prompting.refresh();
      session?.prepareLooks();
    },
    onFailed: (error) => tellFailed(getEditor(), error),
  });
}

function tellFailed(editor: Editor, error: unknown): void {
  editor.stores.engine.update((status) => ({ ...status, state: "failed" }));
  editor.notices.tell("error", "notice.model.failed", reasonOf(error));
}

function listen(config: WorkspaceConfig, editor: Editor, guard: AccessGuard): void {
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
  const stop = listenForHints(
    `${location.origin.replace(/^http/, "ws")}${config.ws_url}`,
    onHint,
    refresh,
    () => void guard.noteLoss(),
  );
  window.addEventListener("online", () => void editor.session?.outbox.flush());
  window.addEventListener("pagehide", stop, { once: true });
}

void start();

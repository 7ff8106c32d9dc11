/** Entry of the workspace page: reads the page's configuration, builds the rooms and opens the image. */
import "./ui/workspace.css";

import { ApiError, makeHttpClient } from "./api/http";
import { openJournal } from "./api/journal";
import { Outbox } from "./api/outbox";
import { keepSending } from "./api/sending-times";
import { listenForHints } from "./api/live";
import { WorkspaceApi } from "./api/workspace-api";
import { AccessGuard } from "./editor/session/access-guard";
import { browserDecoder } from "./editor/prompting/browser-decoder";
import { readConfig, type WorkspaceConfig } from "./editor/state/config";
import { Editor } from "./editor/shell/editor";
import { faultTeller } from "./editor/shell/fault-notice";
import { ModelHost } from "./editor/session/model-host";
import { reasonOf } from "./editor/state/notices";
import { feedSaveInfo } from "./editor/saving/save-feed";
import { bindingsFor } from "./editor/shell/personal";
import { warmUpPainting } from "./editor/prompting/warm-up-painting";
import { makeStores } from "./editor/state/stores";
import { workspaceDoor } from "./editor/shell/workspace-door";
import { loadMessages, localeOf, Translator } from "./i18n/translate";
import type { DecoderClient, EngineInfo, EngineName } from "./inference/protocol/types";
import { createDecoderClient } from "./inference/client/page-decoder";
import type { EngineState } from "./model/workspace";
import { onFault } from "./platform/faults";
import { newId } from "./platform/ids";
import { localTexts } from "./platform/small-storage";
import { mountPanels } from "./ui/app";
import { buildPage } from "./ui/page";
import decoderWorker from "./inference/worker/decoder-worker.ts?worker&url";
import type { Hint, ProjectOut } from "./wire/openapi";

const TO_PROJECTS = { key: "action.projects", run: () => location.assign("/projects/") };

/** Where no worker starts, what is made of the server's answers is made on the page; most pages never load it. */
async function createOnPage() {
  const { SessionOnPage } = await import("./inference/worker/session-on-page");
  return new SessionOnPage();
}

async function start(): Promise<void> {
  const config = readConfig(document.querySelector("#workspace-config")?.textContent ?? "{}");
  const page = buildPage(document.querySelector<HTMLElement>("#workspace") ?? document.body);
  const locale = localeOf(config.locale);
  const pointer = matchMedia("(pointer: coarse)").matches ? "touch" : "mouse";
  const stores = makeStores(bindingsFor(config.preferences), locale, config.labels.at(0)?.id ?? null, pointer);
  let info: EngineInfo | null = null;
  const takeEngine = (found: EngineInfo): void => {
    info = found;
    const { engine: name, modelVersion, isAccelerated, trials, override } = found;
    stores.engine.update((engine) => ({ ...engine, name, modelVersion, isAccelerated, trials, override }));
  };
  const { api: base, csrf } = config;
  const client = createDecoderClient({
    ...{ api: base, csrf, workerUrl: decoderWorker },
    createOnPage,
    onEngine: takeEngine,
    warmUpPainting,
  });
  const tab = newId();
  const http = makeHttpClient(config.api, config.csrf, { userId: config.user.id, tab });
  const guard: AccessGuard = new AccessGuard({
    imageId: () => editor.session?.detail.id ?? null,
    askProject: () => http.get<ProjectOut>(`/projects/${config.project_id}`),
    tell: (key) => editor.notices.tell("error", key, {}, TO_PROJECTS),
  });
  const api = new WorkspaceApi(guard.watch(http));
  let tellUnkept = (): void => undefined; // what is lost before anybody can be told is told below
  const opened = openJournal(config.user.id, { onLost: () => tellUnkept() });
  const [journal, messages] = await Promise.all([opened, loadMessages(locale)]);
  const host = modelHost(client, config, takeEngine, () => editor);
  const decoder = browserDecoder(
    client,
    () => info,
    (version) => void host.use(version),
  );
  const outbox: Outbox = new Outbox({
    userId: config.user.id,
    http: api.http,
    journal,
    onReport: () => tellSaves(),
  });
  const tellSaves = feedSaveInfo(stores, () => outbox.report);
  await outbox.start();
  const editor: Editor = new Editor({
    config,
    api,
    outbox,
    journal,
    decoder,
    stores,
    canvases: page,
    storage: localTexts,
  });
  const useEngine = (name: string | null): void => {
    client.useEngine(name as EngineName | null).then(takeEngine, (error: unknown) => {
      editor.notices.tell("error", "notice.model.failed", reasonOf(error));
    });
  };
  onFault(
    faultTeller(
      editor.notices,
      stores.save,
      () => journal.isKept,
      () => location.reload(),
    ),
  );
  tellUnkept = () => editor.notices.tell("warning", "notice.storage.none");
  if (!journal.isKept) tellUnkept();
  mountPanels(page.panels, page.stage, workspaceDoor(editor, config, useEngine), new Translator(locale, messages));
  const wanted = new URLSearchParams(location.search).get("annotation");
  const opening = editor.flow.open(config.image_id).then(() => {
    if (wanted !== null) showMask(editor, wanted);
  });
  if (config.model.version === null) tellFailed(editor, new ApiError(0, "no_model", "The project has no model.", null));
  else void host.use(config.model.version);
  await opening;
  listen(config, editor, guard, tab);
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
      session?.prepareFlip();
    },
    onFailed: (error) => tellFailed(getEditor(), error),
  });
}

function tellFailed(editor: Editor, error: unknown): void {
  editor.stores.engine.update((status) => ({ ...status, state: "failed" }));
  editor.notices.tell("error", "notice.model.failed", reasonOf(error));
}

function listen(config: WorkspaceConfig, editor: Editor, guard: AccessGuard, tab: string): void {
  const refresh = (): void => void editor.session?.reload().catch(() => undefined);
  const onHint = (hint: Hint): void => {
    const { session } = editor;
    if (!session || hint.image_id !== session.detail.id) return;
    if (hint.type === "annotations.changed" && hint.tab !== tab) refresh();
    if (hint.type === "image.presence" && hint.user_id !== config.user.id) void editor.presence.visit();
    if (hint.type === "image.ready" || hint.type === "embedding.progress") void editor.flow.checkEmbedding(session);
    if (hint.type === "image.changed") {
      void editor.comments.load();
      void editor.work.review.load();
    }
  };
  const line = listenForHints(
    `${location.origin.replace(/^http/, "ws")}${config.ws_url}`,
    onHint,
    refresh,
    () => void guard.noteLoss(),
  );
  keepSending(editor.outbox);
  const watchShown = (): void => line.watch(editor.stores.image.get()?.id ?? null);
  editor.stores.image.subscribe(watchShown);
  watchShown();
  window.addEventListener("pagehide", () => line.stop(), { once: true });
}

void start();

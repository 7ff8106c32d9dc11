/**
 * Ties the rooms together: one image session, the tools' desk, the canvases, the panels' stores. Every gesture of a
 * person ends in one of its methods.
 */
import type { Journal } from "../api/journal";
import type { WorkspaceApi } from "../api/workspace-api";
import { actionFor } from "../input/keymap";
import type { ActionId } from "../model/actions";
import type { LabelInfo } from "../model/mask-record";
import type { BrushSettings, ToolId, ViewSettings } from "../model/view-settings";
import { announceWork } from "./announcing";
import { ActiveClock } from "./active-clock";
import { makeActions } from "./actions-table";
import { labelsOf, type WorkspaceConfig } from "./config";
import type { Decoder } from "./decoder-port";
import { rememberDesk } from "./desk-memory";
import { Flow } from "./flow";
import { ImageLoader } from "./image-loader";
import { ImageSession } from "./image-session";
import { bindInput } from "./input-binding";
import { Keeping } from "./keeping";
import { LatencyLog } from "./latency-log";
import { LeaseKeeper } from "./lease-keeper";
import { Notices, reasonOf } from "./notices";
import { PaceKeeper } from "./pace";
import { PanelFeed } from "./panel-feed";
import { Personal } from "./personal";
import { Reviewing } from "./reviewing";
import { SceneMaker, type Momentary } from "./scene";
import { SelectedMasks } from "./selected-masks";
import { Selecting } from "./selecting";
import { watchForSlowMasks } from "./slow-hint";
import type { Stores } from "./stores";
import { ToolDesk } from "./tool-desk";
import { Viewing, type Canvases } from "./viewing";
import { WorkDesk } from "./work-desk";

export interface EditorParts {
  readonly config: WorkspaceConfig;
  readonly api: WorkspaceApi;
  readonly journal: Journal;
  readonly decoder: Decoder;
  readonly stores: Stores;
  readonly canvases: Canvases;
  readonly storage: Pick<Storage, "getItem" | "setItem">;
}

const LEASE_LOST = "notice.lease.lost";

export class Editor {
  readonly stores: Stores;
  readonly notices: Notices;
  readonly selecting: Selecting;
  readonly viewing: Viewing;
  readonly desk: ToolDesk;
  readonly flow: Flow;
  readonly reviewing: Reviewing;
  readonly selected: SelectedMasks;
  readonly work: WorkDesk;
  readonly personal: Personal;
  readonly scene: SceneMaker;
  readonly labels: readonly LabelInfo[];
  readonly clock = new ActiveClock();
  session: ImageSession | null = null;
  private readonly momentary: Momentary = { shape: null, cursor: null };
  private readonly feed: PanelFeed;
  private readonly loader: ImageLoader;
  private readonly latency: LatencyLog;
  private readonly lease: LeaseKeeper;
  private readonly letGo: () => void;
  private readonly keeping: Keeping;
  private readonly actions: Readonly<Record<ActionId, () => void>>;
  private readonly unbind: () => void;

  constructor(private readonly parts: EditorParts) {
    const { stores, api, config } = parts;
    this.stores = stores;
    this.labels = labelsOf(config);
    this.notices = new Notices(stores);
    this.selecting = new Selecting(
      stores,
      () => this.session,
      () => this.selectionChanged(),
    );
    this.scene = new SceneMaker(stores, new Map(this.labels.map((l) => [l.id, l])), () => this.session, this.momentary);
    this.viewing = new Viewing(parts.canvases, stores, this.scene, () =>
      this.session?.crops.noteView(stores.view.get()),
    );
    this.desk = this.makeDesk();
    this.loader = new ImageLoader(api, parts.decoder);
    this.flow = this.makeFlow();
    this.reviewing = new Reviewing(api, stores, this.notices, () => this.session);
    const { notices, flow, viewing, selecting, reviewing } = this;
    const session = (): ImageSession | null => this.session;
    this.selected = new SelectedMasks({ stores, selecting, viewing, reviewing, notices, session });
    this.feed = new PanelFeed(stores, selecting, viewing, config.project.stage);
    this.work = new WorkDesk({ api, stores, config, notices, flow, viewing, session });
    this.personal = new Personal(config, api, stores);
    this.latency = new LatencyLog(config.project_id, api, stores, config.model.version ?? "");
    this.lease = new LeaseKeeper({
      heartbeat: (imageId) => api.heartbeat(imageId),
      imageId: () => this.session?.detail.id ?? null,
      tellLost: () => this.notices.tell("warning", LEASE_LOST),
      now: () => performance.now(),
    });
    this.letGo = this.lease.start();
    const pace = new PaceKeeper(parts.storage, `maskwright-pace-${config.user.id}`);
    stores.pace.set(pace.pace());
    this.keeping = new Keeping({ config, stores, notices, work: this.work, clock: this.clock, pace, session });
    rememberDesk(stores, parts.storage, `maskwright-desk-${config.user.id}`);
    announceWork(stores, this.labels);
    watchForSlowMasks(stores);
    this.actions = makeActions(this);
    this.unbind = this.bind();
  }

  get canEdit(): boolean {
    return this.session !== null;
  }

  close(): void {
    this.unbind();
    this.letGo();
    this.session?.close();
    this.viewing.close();
  }

  /** Open an image in place of the one shown. */
  async show(imageId: number): Promise<void> {
    const { loaded, wasAhead } = this.loader.take(imageId);
    const { detail, masks, preview } = await loaded;
    this.session?.close();
    const session = this.makeSession(detail);
    this.session = session;
    this.resetFor(session);
    // Masks do not wait until the photo is decoded.
    const [replayed] = await Promise.all([session.load(masks), this.viewing.open(detail, preview)]);
    session.lookAtPhoto();
    if (replayed > 0) this.notices.tell("info", "notice.replayed", { count: replayed });
    if (wasAhead) await session.reload();
    this.flow.noteEmbedding(session);
    this.flow.waitForEmbedding();
    void this.reviewing.loadComments();
    void this.work.review.load();
    this.loader.prefetch(detail.next_id);
    this.loader.prefetch(detail.previous_id);
  }

  accept(): void {
    if (!this.desk.current.confirm()) this.keeping.accept();
  }

  abandon(): void {
    if (this.stores.dialog.get()) this.stores.dialog.set(null);
    else if (this.desk.current.isBusy()) this.desk.current.cancel();
    else if (this.session?.document.draft) this.session.prompting.abandon();
    else if (this.stores.tool.get() === "comment") this.desk.choose("points");
    else this.selecting.clear();
    this.momentary.cursor = null;
    this.viewing.overlayChanged();
  }

  undo(): void {
    this.travel("undo");
  }

  redo(): void {
    this.travel("redo");
  }

  pressAtCursor(label: 0 | 1): void {
    if (this.momentary.cursor) this.desk.press(this.momentary.cursor, label);
  }

  decideSuggestions(ids: readonly string[], isAccepted: boolean): void {
    this.session?.commands.decide(ids, isAccepted);
  }

  changeSettings(change: Partial<ViewSettings>): void {
    this.stores.settings.update((settings) => ({ ...settings, ...change }));
    this.viewing.photoLookChanged();
    this.viewing.masksChanged();
  }

  changeBrush(change: Partial<BrushSettings>): void {
    this.stores.brush.update((brush) => ({ ...brush, ...change }));
    const { shape } = this.momentary;
    if (shape?.kind === "brush") {
      const dab = { ...shape.dab, radius: this.stores.brush.get().size / 2 };
      this.momentary.shape = { ...shape, dab, shape: this.stores.brush.get().shape };
    }
    this.viewing.overlayChanged();
  }

  chooseTool(tool: ToolId): void {
    this.desk.choose(tool);
  }

  perform(action: ActionId): void {
    this.actions[action]();
  }

  private travel(direction: "undo" | "redo"): void {
    const name = this.work.effort.travel(direction, () => this.session?.[direction]() ?? null);
    if (name !== null) this.stores.announcement.set(`announce.${direction}|${name}|${Date.now()}`);
  }

  private resetFor(session: ImageSession): void {
    this.notices.clear(LEASE_LOST);
    this.desk.current.cancel();
    this.momentary.cursor = null;
    // Nobody may take an image for empty because the masks of the one before were hidden.
    this.changeSettings({ areMasksHidden: false, isSolo: false });
    this.work.leaveImage(this.clock.take());
    this.feed.begin(session);
  }

  private makeSession(detail: ImageSession["detail"]): ImageSession {
    const { api, journal, decoder, stores } = this.parts;
    const session: ImageSession = new ImageSession(detail, {
      api,
      journal,
      decoder,
      stores,
      onDecoded: (kind, ms) => this.latency.noteDecode(kind, ms),
      onShown: (askedAt) => this.latency.notePaint(askedAt),
      onDecodeFailed: (error) => this.tellError("notice.decode.failed", error),
      onPreview: () => this.viewing.overlayChanged(),
      takeMs: () => this.clock.take(),
      onChanged: () => {
        if (session === this.session) this.feed.refresh(session);
      },
      onConflict: (conflict) => this.reviewing.addConflict(conflict),
      onMerged: (name) => this.notices.tell("info", "notice.merged", { name }),
      onRejected: (reason) => this.notices.tell("error", "notice.rejected", { reason }),
      onStorageFailed: (error) => this.tellError("notice.storage.failed", error),
    });
    const { isDecoding, closer } = session.prompting;
    isDecoding.subscribe(() => stores.isDecoding.set(isDecoding.get()));
    closer.isUnderWay.subscribe(() => stores.isLooking.set(closer.isUnderWay.get()));
    return session;
  }

  private selectionChanged(): void {
    if (this.stores.settings.get().isSolo) this.viewing.masksChanged();
    else this.viewing.overlayChanged();
  }

  private tellError(key: string, error: unknown): void {
    this.notices.clear(key);
    this.notices.tell("error", key, reasonOf(error));
  }

  private makeDesk(): ToolDesk {
    return new ToolDesk({
      stores: this.stores,
      momentary: this.momentary,
      viewing: () => this.viewing,
      selecting: this.selecting,
      session: () => this.session,
      canEdit: () => this.canEdit,
    });
  }

  private makeFlow(): Flow {
    return new Flow({
      api: this.parts.api,
      loader: this.loader,
      stores: this.stores,
      notices: this.notices,
      projectId: this.parts.config.project_id,
      session: () => this.session,
      show: (imageId) => this.show(imageId),
      settle: () => this.session?.prompting.stop(),
    });
  }

  private bind(): () => void {
    const { momentary, stores } = this;
    return bindInput(this.parts.canvases.overlay, {
      onPan: (dx, dy) => this.viewing.pan(dx, dy),
      onZoom: (anchor, factor) => this.viewing.zoom(anchor, factor),
      onTool: (phase, event, at, button) => {
        this.noteLife();
        this.desk.pointer(phase, event, at, button);
      },
      onCandidate: (steps) => this.session?.prompting.cycleCandidate(steps),
      onKey: (chord, event) => this.handleKey(chord, event),
      get isSpaceTaken() {
        return momentary.cursor !== null || stores.dialog.get() !== null;
      },
    });
  }

  private noteLife(): void {
    this.clock.touch();
    this.lease.touch();
  }

  /** True when the key meant something here. */
  private handleKey(chord: string, event: KeyboardEvent): boolean {
    this.noteLife();
    const action = actionFor(this.stores.bindings.get(), chord);
    if (this.stores.dialog.get() !== null && action !== "abandon") return false;
    // Tab walks candidates only while there are any; otherwise it moves the focus, as everywhere.
    const isCandidate = action === "candidateNext" || action === "candidatePrevious";
    if (isCandidate && (this.session?.document.draft?.candidates.length ?? 0) === 0) return false;
    const label = this.labels.find(({ key }) => key !== "" && key === chord);
    if (action === null && !label) return false;
    if (action !== null) this.perform(action);
    else if (label && !event.repeat) this.selected.applyLabel(label.id);
    return true;
  }
}

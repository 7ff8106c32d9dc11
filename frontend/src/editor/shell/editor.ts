/**
 * Ties the rooms together: one image session, the tools, the canvases, the panels' stores. Every gesture of a
 * person ends in one of its methods.
 */
import { ApiError } from "../../api/http";
import type { Journal } from "../../api/journal";
import type { Outbox } from "../../api/outbox";
import type { ImageDetail } from "../../api/wire";
import type { WorkspaceApi } from "../../api/workspace-api";
import type { ActionId } from "../../model/actions";
import type { LabelInfo } from "../../model/mask-record";
import type { BrushSettings, ToolId, ViewSettings } from "../../model/view-settings";
import type { SmallStorage } from "../../platform/small-storage";
import { Labelling } from "../editing/labelling";
import { Selecting } from "../editing/selecting";
import type { Decoder } from "../prompting/decoder-port";
import { LatencyLog } from "../prompting/latency-log";
import { watchForSlowMasks } from "../prompting/slow-hint";
import { Comments } from "../review/comments";
import { Conflicts } from "../review/conflicts";
import { CHANGING, SubmittedGuard } from "../review/submitted-guard";
import { Trash } from "../review/trash";
import { Versions } from "../review/versions";
import { ActiveClock } from "../saving/active-clock";
import { DraftKeeper } from "../saving/draft-keeper";
import { Keeping } from "../saving/keeping";
import { PaceKeeper } from "../saving/pace";
import { Flow } from "../session/flow";
import { ImageLoader } from "../session/image-loader";
import type { ImageSession } from "../session/image-session";
import { LeaseKeeper } from "../session/lease-keeper";
import { Presence } from "../session/presence";
import { labelsOf, type WorkspaceConfig } from "../state/config";
import { Notices } from "../state/notices";
import type { Stores } from "../state/stores";
import { Deciding } from "../suggestions/deciding";
import { SceneMaker, type Momentary } from "../viewing/scene";
import { Viewing, type Canvases } from "../viewing/viewing";
import { makeActions } from "./actions-table";
import { announceWork } from "./announcing";
import { handleInput } from "./handling-input";
import { ImageWork } from "./image-work";
import { openSession } from "./opening-session";
import { PanelFeed } from "./panel-feed";
import { Personal } from "./personal";
import { SelectedMasks } from "./selected-masks";
import { ToolHost } from "./tool-host";
import { rememberWorkspace, rememberLabel } from "./workspace-memory";

export interface EditorParts {
  readonly config: WorkspaceConfig;
  readonly api: WorkspaceApi;
  readonly outbox: Outbox;
  readonly journal: Journal;
  readonly decoder: Decoder;
  readonly stores: Stores;
  readonly canvases: Canvases;
  readonly storage: SmallStorage;
}

const SHOWN_AHEAD = "notice.shown.ahead";
const LEASE_LOST = "notice.lease.lost";

export class Editor {
  readonly stores: Stores;
  readonly notices: Notices;
  readonly selecting: Selecting;
  readonly viewing: Viewing;
  readonly tools: ToolHost;
  readonly flow: Flow;
  readonly comments: Comments;
  readonly conflicts: Conflicts;
  readonly versions: Versions;
  readonly selected: SelectedMasks;
  readonly labelling: Labelling;
  readonly deciding: Deciding;
  readonly work: ImageWork;
  readonly personal: Personal;
  readonly submitted: SubmittedGuard;
  readonly trash: Trash;
  readonly presence: Presence;
  readonly drafts: DraftKeeper;
  readonly scene: SceneMaker;
  readonly labels: readonly LabelInfo[];
  readonly clock = new ActiveClock();
  readonly outbox: Outbox;
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
    this.outbox = parts.outbox;
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
    this.tools = this.makeToolHost();
    this.loader = new ImageLoader(api, parts.decoder);
    this.flow = this.makeFlow();
    const { notices, flow, viewing, selecting } = this;
    const session = (): ImageSession | null => this.session;
    this.comments = new Comments(api, stores, notices, session);
    this.conflicts = new Conflicts(stores, session);
    this.versions = new Versions(api, stores, notices, session);
    const choosePoints = (): void => this.tools.choose("points");
    this.selected = new SelectedMasks({ stores, selecting, viewing, notices, session, choosePoints });
    this.labelling = new Labelling({ stores, selecting, viewing, session });
    this.deciding = new Deciding({ selecting, viewing, notices, session });
    this.feed = new PanelFeed(stores, selecting, viewing, config.project.stage);
    this.work = new ImageWork({ api, stores, config, notices, flow, viewing, session });
    this.submitted = new SubmittedGuard(stores, notices, this.parts.config.role !== "annotator");
    this.trash = new Trash(api, stores, notices, session);
    this.presence = new Presence(api, stores);
    this.drafts = new DraftKeeper(parts.journal, stores, notices, session);
    this.personal = new Personal(config, api, stores);
    this.latency = new LatencyLog(config.project_id, api, stores);
    this.lease = this.makeLeaseKeeper();
    const endings = [this.lease.start(), this.presence.start(), this.drafts.start()];
    this.letGo = () => endings.forEach((end) => end());
    this.keeping = this.makeKeeping();
    this.rememberHabits();
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
    // What could still be missing comes first: from here on address, header, photo and masks change together.
    if (this.session) await preview.decode();
    this.session?.close();
    const session = this.makeSession(detail);
    this.session = session;
    this.resetFor(session);
    history.replaceState(null, "", `/projects/${detail.project_id}/images/${imageId}/`);
    // Masks do not wait until the photo is decoded.
    const replayed = session.load(masks);
    await this.viewing.open(detail, preview);
    if (replayed > 0) this.notices.tell("info", "notice.replayed", { count: replayed });
    if (wasAhead) await this.askAnew(session);
    this.flow.noteEmbedding(session);
    this.flow.waitForEmbedding();
    void this.comments.load();
    void this.work.review.load();
    this.loader.prefetch(detail.next_id);
    this.loader.prefetch(detail.previous_id);
  }

  /** What was loaded ahead may be older than what others did since; without a network it is shown, and said so. */
  private async askAnew(session: ImageSession): Promise<void> {
    this.notices.clear(SHOWN_AHEAD);
    try {
      await session.reload();
    } catch (error) {
      if (!(error instanceof ApiError && error.isTemporary)) throw error;
      this.notices.tell("warning", SHOWN_AHEAD);
    }
  }

  accept(): void {
    if (!this.tools.current.confirm()) this.keeping.accept();
  }

  abandon(): void {
    if (this.stores.dialog.get()) this.stores.dialog.set(null);
    else if (this.tools.current.isBusy()) this.tools.current.cancel();
    else if (this.session?.document.draft) this.session.prompting.abandon();
    else if (this.stores.tool.get() === "comment") this.tools.choose("points");
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
    if (this.momentary.cursor) this.tools.press(this.momentary.cursor, label);
  }

  /** Select the next mask; from a suggestion, or from nothing, the next suggestion. */
  stepSelection(steps: 1 | -1): void {
    if (!this.deciding.step(steps)) this.selecting.step(steps);
  }

  showMask(id: string): void {
    const record = this.session?.document.get(id);
    if (record) this.viewing.reveal(record.bounds);
  }

  /** The label of masks to come may be chosen at any time; that of selected ones is a change of theirs. */
  applyLabel(labelId: number | null): void {
    if (this.selecting.ids.length === 0 || this.submitted.mayChange()) this.labelling.apply(labelId);
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
    this.tools.choose(tool);
  }

  perform(action: ActionId): void {
    if (!CHANGING.has(action) || this.submitted.mayChange()) this.actions[action]();
  }

  private travel(direction: "undo" | "redo"): void {
    const name = this.work.effort.travel(direction, () => this.session?.[direction]() ?? null);
    if (name !== null) this.stores.announcement.set(`announce.${direction}|${name}|${Date.now()}`);
  }

  private resetFor(session: ImageSession): void {
    this.notices.clear(LEASE_LOST);
    this.tools.current.cancel();
    this.momentary.cursor = null;
    // Nobody may take an image for empty because the masks of the one before were hidden.
    this.changeSettings({ areMasksHidden: false, isSolo: false });
    this.work.leaveImage(this.clock.take());
    this.feed.begin(session);
    void this.drafts.offer(session);
  }

  private makeSession(detail: ImageDetail): ImageSession {
    const { api, outbox, decoder, stores } = this.parts;
    const { notices, latency, viewing, clock, submitted, conflicts } = this;
    return openSession(detail, {
      ...{ api, outbox, decoder, stores, notices, latency, viewing, clock, submitted, conflicts },
      onChanged: (session) => {
        if (session === this.session) this.feed.refresh(session);
      },
    });
  }

  private selectionChanged(): void {
    if (this.stores.settings.get().isSolo) this.viewing.masksChanged();
    else this.viewing.overlayChanged();
  }

  private makeLeaseKeeper(): LeaseKeeper {
    return new LeaseKeeper({
      heartbeat: (imageId) => this.parts.api.heartbeat(imageId),
      imageId: () => this.session?.detail.id ?? null,
      tellLost: () => this.notices.tell("warning", LEASE_LOST),
      now: () => performance.now(),
    });
  }

  private makeKeeping(): Keeping {
    const { config, storage } = this.parts;
    const { stores, notices, clock } = this;
    const pace = new PaceKeeper(storage, `maskwright-pace-${config.user.id}`);
    stores.pace.set(pace.pace());
    return new Keeping({
      ...{ config, stores, notices, clock, pace },
      effort: this.work.effort,
      session: () => this.session,
      onMade: (record) => this.labelling.noteMade(record),
    });
  }

  /** What a person is used to comes back; the keys are older than their names here. */
  private rememberHabits(): void {
    const { config, storage } = this.parts;
    rememberWorkspace(this.stores, storage, `maskwright-desk-${config.user.id}`);
    rememberLabel(this.stores, this.labels, storage, `maskwright-label-${config.user.id}-${config.project_id}`);
  }

  private makeToolHost(): ToolHost {
    return new ToolHost({
      stores: this.stores,
      momentary: this.momentary,
      viewing: () => this.viewing,
      selecting: this.selecting,
      notices: this.notices,
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
      outbox: this.outbox,
      session: () => this.session,
      show: (imageId) => this.show(imageId),
      settle: () => this.session?.prompting.stop(),
    });
  }

  private bind(): () => void {
    const { stores, labels, momentary, viewing, tools, submitted } = this;
    return handleInput(this.parts.canvases.overlay, {
      ...{ stores, labels, momentary, viewing, tools, submitted },
      session: () => this.session,
      perform: (action) => this.perform(action),
      applyLabel: (labelId) => this.applyLabel(labelId),
      noteLife: () => {
        this.clock.touch();
        this.lease.touch();
      },
    });
  }
}

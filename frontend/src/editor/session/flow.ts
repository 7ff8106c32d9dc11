/** From image to image: open, submit, skip, the queue's next, and waiting for an embedding. */
import { ApiError } from "../../api/http";
import type { Outbox } from "../../api/outbox";
import { inTime } from "../../api/sending-times";
import type { WorkAnswer, WorkspaceApi } from "../../api/workspace-api";
import { reasonOf, type Notices } from "../state/notices";
import type { Stores } from "../state/stores";
import type { ImageLoader } from "./image-loader";
import type { ImageSession } from "./image-session";

export interface FlowPorts {
  readonly api: WorkspaceApi;
  readonly loader: ImageLoader;
  readonly stores: Stores;
  readonly notices: Notices;
  readonly projectId: number;
  readonly outbox: Pick<Outbox, "settle" | "report">;
  session(): ImageSession | null;
  /** Open an image in place of the current one. */
  show(imageId: number): Promise<void>;
  /** Save what is being drawn before leaving. */
  settle(): void;
}

const POLL_MS = 1_500;
/** Somebody else may have asked for a failed embedding again. */
const POLL_FAILED_MS = 15_000;
const DRAFT_OPEN = "notice.draft.open";
const REVIEWED = "notice.reviewed";
const UNPREPARED = "notice.embedding.failed";
const UNSAVED = "notice.left.unsaved";
/** An image is handed in only when it is saved; a step to the next one waits only as long as nobody minds. */
const SUBMIT_WAIT_MS = 10_000;
const STEP_WAIT_MS = 1_000;

/** What ends the work on an image, and what state that leaves it in; null: none that is new. */
type Finish = (imageId: number) => Promise<WorkAnswer | null>;

export class Flow {
  private polling: ReturnType<typeof setTimeout> | undefined;
  /** Whose failed embedding the person was told of. */
  private unprepared: ImageSession | null = null;

  constructor(private readonly ports: FlowPorts) {}

  step(direction: "nextId" | "previousId"): void {
    const id = this.ports.stores.image.get()?.[direction];
    if (id === null || id === undefined) this.ports.notices.tell("info", `notice.no.${direction}`);
    else void this.open(id);
  }

  async open(imageId: number): Promise<void> {
    if (this.isHalfDone()) return;
    this.ports.settle();
    await this.waitForSaves(STEP_WAIT_MS);
    try {
      await this.ports.show(imageId);
    } catch (error) {
      this.tellFailure("notice.open.failed", error);
    }
  }

  /** Go to another page once all is saved; what is left after a while is said, and the browser asks once more. */
  async leavePage(address: string): Promise<void> {
    this.ports.settle();
    await this.waitForSaves(STEP_WAIT_MS);
    location.assign(address);
  }

  async submitAndNext(): Promise<void> {
    await this.leave((id) => this.ports.api.submit(id), "notice.submit.failed");
  }

  /** Go on with the queue's next image without a word about the one that is open. */
  async takeNext(): Promise<void> {
    await this.leave(() => Promise.resolve(null), "notice.open.failed");
  }

  /** Give the verdict on the open image and go on with the next one that waits for one. */
  async review(decide: Finish): Promise<void> {
    await this.leave(decide, "notice.review.failed", true);
  }

  async skip(reason: string): Promise<void> {
    await this.leave((id) => this.ports.api.skip(id, reason), "notice.skip.failed");
  }

  /** Look again and again until the image's embedding is there. */
  waitForEmbedding(): void {
    clearTimeout(this.polling);
    const session = this.ports.session();
    if (!session || session.hasEmbedding) return;
    const wait = session === this.unprepared ? POLL_FAILED_MS : POLL_MS;
    this.polling = setTimeout(() => void this.checkEmbedding(session), wait);
  }

  async checkEmbedding(session: ImageSession): Promise<void> {
    if (session !== this.ports.session() || session.hasEmbedding) return;
    try {
      session.noteDetail(await this.ports.api.image(session.detail.id));
    } catch (error) {
      if (!(error instanceof ApiError && error.isTemporary)) this.tellFailure("notice.open.failed", error);
    }
    this.refreshOnce(session);
    this.noteEmbedding(session);
    this.waitForEmbedding();
  }

  /** Answer prompts that were made before the embedding was there. */
  private refreshOnce(session: ImageSession): void {
    if (session.hasEmbedding) session.prompting.refresh();
  }

  /** Tell the panels whether prompts can be answered, and the person once that they cannot. */
  noteEmbedding(session: ImageSession): void {
    const { engine } = this.ports.stores;
    if (engine.get().state === "failed" || engine.get().state === "loading") return;
    const hasFailed = !session.hasEmbedding && session.detail.embedding.status === "failed";
    const state = session.hasEmbedding ? "ready" : hasFailed ? "unprepared" : "waiting";
    engine.update((status) => ({ ...status, state }));
    if (hasFailed && session !== this.unprepared) this.tellUnprepared(session);
    this.unprepared = hasFailed ? session : null;
  }

  private tellUnprepared(session: ImageSession): void {
    this.ports.notices.clear(UNPREPARED);
    this.ports.notices.tell("error", UNPREPARED, {}, this.retryAction(session));
  }

  private retryAction(session: ImageSession) {
    const retry = async (): Promise<void> => {
      await this.ports.api.retryEmbedding(session.detail.id);
      this.ports.notices.clear(UNPREPARED);
      this.unprepared = null;
      await this.checkEmbedding(session);
    };
    return {
      key: "action.retry",
      run: () => void retry().catch((e: unknown) => this.tellFailure("notice.open.failed", e)),
    };
  }

  /** Whether a mask that is not kept yet would be lost by leaving the image; says how to go on. */
  private isHalfDone(): boolean {
    const { notices, stores } = this.ports;
    notices.clear(DRAFT_OPEN);
    if (!stores.draft.get()) return false;
    const { accept, abandon } = stores.bindings.get();
    notices.tell("warning", DRAFT_OPEN, { accept: accept.at(0) ?? "", abandon: abandon.at(0) ?? "" });
    return true;
  }

  private async leave(finish: Finish, failure: string, isReview = false): Promise<void> {
    const session = this.ports.session();
    if (!session || this.isHalfDone()) return;
    this.ports.settle();
    try {
      await this.allSaved(session);
      const done = await finish(session.detail.id);
      if (done) this.ports.stores.image.update((image) => image && { ...image, workStatus: done.work_status });
      const { api, projectId } = this.ports;
      const next = await (isReview ? api.takeNextReview(projectId) : api.takeNext(projectId));
      if (next.image_id !== null) await this.open(next.image_id);
      else if (isReview) this.ports.notices.tell("info", "notice.review.empty");
      else this.tellNothingNext(next.unprepared);
      // What was loaded ahead may be older than the claim.
      if (next.lease) this.ports.stores.stage.set(next.lease.stage);
    } catch (error) {
      this.tellFailure(failure, error);
    }
  }

  private tellNothingNext(unprepared: number): void {
    if (unprepared > 0) this.ports.notices.tell("info", "notice.queue.preparing", { count: unprepared });
    else this.ports.notices.tell("info", "notice.queue.empty", {}, this.toProject());
  }

  private toProject() {
    return { key: "action.project", run: () => location.assign(`/projects/${this.ports.projectId}/`) };
  }

  /** An image is handed in with all its masks or not at all. */
  private async allSaved({ outbox }: ImageSession): Promise<void> {
    await inTime(this.ports.outbox.settle(), SUBMIT_WAIT_MS);
    if (outbox.pendingCount === 0) return;
    const { status } = this.ports.outbox.report;
    if (status === "conflict") throw new ApiError(0, "undecided", "A mask has two versions.", null);
    if (status === "refused") throw new ApiError(0, "refused", "A mask was refused.", null);
    throw new ApiError(0, "unsaved", "The masks have not reached the server yet.", null);
  }

  /** Wait for what is on its way; say what is still not on the server then. */
  private async waitForSaves(ms: number): Promise<void> {
    const { notices, outbox } = this.ports;
    notices.clear(UNSAVED);
    if (outbox.report.operations === 0) return;
    await inTime(outbox.settle(), ms);
    const pending = [...outbox.report.masks.values()].reduce((sum, n) => sum + n, 0);
    if (pending > 0) notices.tell("warning", UNSAVED, { pending });
  }

  private tellFailure(key: string, error: unknown): void {
    if (error instanceof ApiError && error.code === "work_status") this.tellReviewed();
    else this.ports.notices.tell("error", key, reasonOf(error));
  }
  /** There is nothing to hand in: what is left to do is the next image. */
  private tellReviewed(): void {
    this.ports.notices.clear(REVIEWED);
    this.ports.stores.image.update((image) => image && { ...image, workStatus: "reviewed" });
    const next = (): void => {
      this.ports.notices.clear(REVIEWED);
      void this.takeNext();
    };
    this.ports.notices.tell("warning", REVIEWED, {}, { key: "action.nextOfQueue", run: next });
  }
}

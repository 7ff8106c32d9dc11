/**
 * The review of the open image: a reviewer accepts it or sends it back with a word, and whoever gets it back reads that
 * word before anything else.
 */
import type { SubmissionRow, WorkspaceApi } from "../../api/workspace-api";
import type { ReviewInfo, Verdict } from "../../model/work";
import type { Flow } from "../session/flow";
import type { Stores } from "../state/stores";

export interface ReviewPorts {
  readonly api: Pick<WorkspaceApi, "submissions" | "review">;
  readonly stores: Pick<Stores, "review" | "isPanelOpen">;
  readonly flow: Pick<Flow, "review">;
  readonly userId: number;
  readonly mayReview: boolean;
  readonly session: () => { readonly detail: { readonly id: number } } | null;
}

export class ImageReview {
  constructor(private readonly ports: ReviewPorts) {}

  /** Learn whether the image waits for a verdict or came back; nothing is shown while the server cannot be asked. */
  async load(): Promise<void> {
    const { api, stores } = this.ports;
    const session = this.ports.session();
    if (!session) return;
    const rows = await api.submissions(session.detail.id).catch(() => null);
    if (rows === null || session !== this.ports.session()) return;
    const info = reviewOf(rows.at(0), this.ports);
    stores.review.set(info);
    if (info) stores.isPanelOpen.set(true);
  }

  /** Forget the image that is left. */
  clear(): void {
    this.ports.stores.review.set(null);
  }

  /** Save what is open, give the verdict, and go on with the next image that waits for one. */
  async decide(verdict: Verdict, comment: string): Promise<void> {
    const { api, stores, flow } = this.ports;
    const review = stores.review.get();
    if (review?.kind !== "judge" || review.isSending) return;
    stores.review.set({ ...review, isSending: true });
    await flow.review((imageId) => api.review(imageId, verdict, comment));
    // The same image is still open where nothing was next or the verdict was refused.
    await this.load();
  }
}

function reviewOf(
  latest: SubmissionRow | undefined,
  { mayReview, userId }: { readonly mayReview: boolean; readonly userId: number },
): ReviewInfo | null {
  if (!latest?.is_latest) return null;
  const isOwn = latest.user_id === userId;
  if (latest.verdict === "waiting" && mayReview)
    return { kind: "judge", isOwn, byName: latest.user_name, comment: "", isSending: false };
  if (latest.verdict === "returned" && isOwn)
    return { kind: "returned", isOwn, byName: latest.reviewer_name, comment: latest.comment, isSending: false };
  return null;
}

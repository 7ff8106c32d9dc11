/** What people say about the open image: reads it, adds to it, calls it resolved. */
import type { CommentRow } from "../../api/wire";
import type { WorkspaceApi } from "../../api/workspace-api";
import type { CommentInfo } from "../../model/workspace";
import type { ImageSession } from "../session/image-session";
import { reasonOf, type Notices } from "../state/notices";
import type { Stores } from "../state/stores";

const FAILED = "notice.comments.failed";

export class Comments {
  constructor(
    private readonly api: Pick<WorkspaceApi, "comments" | "addComment" | "resolveComment">,
    private readonly stores: Pick<Stores, "comments" | "commentTarget">,
    private readonly notices: Pick<Notices, "tell">,
    private readonly getSession: () => ImageSession | null,
  ) {}

  async load(): Promise<void> {
    const session = this.getSession();
    if (!session) return;
    try {
      const rows = await this.api.comments(session.detail.id);
      if (session === this.getSession()) this.stores.comments.set(rows.map(commentFrom));
    } catch (error) {
      this.tell(error);
    }
  }

  async add(body: string): Promise<void> {
    const session = this.getSession();
    if (!session) return;
    const { annotationId, place } = this.stores.commentTarget.get();
    try {
      const row = await this.api.addComment(session.detail.id, body, annotationId, place);
      this.stores.comments.update((all) => [...all, commentFrom(row)]);
    } catch (error) {
      this.tell(error);
    }
  }

  async resolve(id: number, isResolved: boolean): Promise<void> {
    try {
      const changed = commentFrom(await this.api.resolveComment(id, isResolved));
      this.stores.comments.update((all) => all.map((comment) => (comment.id === id ? changed : comment)));
    } catch (error) {
      this.tell(error);
    }
  }

  private tell(error: unknown): void {
    this.notices.tell("error", FAILED, reasonOf(error));
  }
}

function commentFrom(row: CommentRow): CommentInfo {
  return {
    id: row.id,
    annotationId: row.annotation_id,
    place: row.x === null || row.y === null ? null : { x: row.x, y: row.y },
    body: row.body,
    authorName: row.author?.name ?? "",
    createdAt: row.created_at,
    isResolved: row.resolved_at !== null,
  };
}

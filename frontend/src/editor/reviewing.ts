/** Second looks at masks: conflicts, versions, comments, and giving a saved mask back to the model. */
import { recordFromRow, type AnnotationRow, type CommentRow } from "../api/wire";
import type { RevisionRow, WorkspaceApi } from "../api/workspace-api";
import { logitsFromMask } from "../geometry/mask-prompt";
import { maskBounds } from "../geometry/column-mask";
import type { Prompt } from "../geometry/types";
import type { MaskRecord, ProvenancePrompt } from "../model/mask-record";
import { withMask } from "../model/mask-record";
import type { CommentInfo, Conflict, MaskVersion } from "../model/workspace";
import type { ImageSession } from "./image-session";
import { reasonOf, type Notices } from "./notices";
import type { Stores } from "./stores";

export class Reviewing {
  constructor(
    private readonly api: WorkspaceApi,
    private readonly stores: Stores,
    private readonly notices: Notices,
    private readonly getSession: () => ImageSession | null,
  ) {}

  addConflict(conflict: Conflict): void {
    this.stores.conflicts.update((all) => [...all.filter((c) => c.annotationId !== conflict.annotationId), conflict]);
  }

  /** `mine` goes to the server anew, `theirs` replaces it here, `both` keeps mine as a mask of its own. */
  resolveConflict(annotationId: string, choice: "mine" | "theirs" | "both"): void {
    const session = this.getSession();
    const conflict = this.stores.conflicts.get().find((c) => c.annotationId === annotationId);
    if (!session || !conflict) return;
    this.stores.conflicts.update((all) => all.filter((c) => c !== conflict));
    const mine = session.document.get(annotationId) ?? conflict.mine;
    // First the copy, so that a crash between the two leaves one mask too many and never one too few.
    if (choice === "both" && mine) this.keepCopy(session, mine);
    session.saving.settle(annotationId, conflict.theirs, choice === "mine" ? mine : conflict.theirs);
  }

  private keepCopy(session: ImageSession, mine: MaskRecord): void {
    const copy = { ...mine, id: crypto.randomUUID(), zOrder: session.document.nextZOrder() };
    session.commands.commit("duplicate", [{ kind: "mask", id: copy.id, before: null, after: copy }]);
  }

  /** Start a draft from a saved mask: its prompts, and its shape as the model's mask prompt. */
  refine(record: MaskRecord): void {
    const session = this.getSession();
    if (!session) return;
    const prompts = (record.provenance.prompts ?? []).map(promptFrom);
    const bounds = maskBounds(record.mask);
    const known: readonly Prompt[] = prompts.length > 0 || !bounds ? prompts : [{ kind: "box", box: bounds }];
    session.prompting.refine(record.id, { prompts: known, mask: record.mask, maskInput: logitsFromMask(record.mask) });
  }

  async loadVersions(id: string): Promise<void> {
    this.stores.versions.set(null);
    try {
      const rows = await this.api.revisions(id);
      this.stores.versions.set(
        rows.map((row) => versionFrom(row, this.getSession()?.document.get(id) ?? null)).reverse(),
      );
    } catch (error) {
      this.tell("notice.versions.failed", error);
    }
  }

  restoreVersion(version: MaskVersion): void {
    const session = this.getSession();
    const before = version.record && session?.document.get(version.record.id);
    if (!session || !version.record || !before) return;
    const after = withMask(
      { ...before, labelId: version.record.labelId, provenance: version.record.provenance },
      version.record.mask,
    );
    session.commands.commit("restoreVersion", [{ kind: "mask", id: before.id, before, after }]);
  }

  async loadComments(): Promise<void> {
    const session = this.getSession();
    if (!session) return;
    try {
      const rows = await this.api.comments(session.detail.id);
      if (session === this.getSession()) this.stores.comments.set(rows.map(commentFrom));
    } catch (error) {
      this.tell("notice.comments.failed", error);
    }
  }

  async addComment(body: string): Promise<void> {
    const session = this.getSession();
    if (!session) return;
    const { annotationId, place } = this.stores.commentTarget.get();
    try {
      const row = await this.api.addComment(session.detail.id, body, annotationId, place);
      this.stores.comments.update((all) => [...all, commentFrom(row)]);
    } catch (error) {
      this.tell("notice.comments.failed", error);
    }
  }

  async resolveComment(id: number, isResolved: boolean): Promise<void> {
    try {
      const changed = commentFrom(await this.api.resolveComment(id, isResolved));
      this.stores.comments.update((all) => all.map((comment) => (comment.id === id ? changed : comment)));
    } catch (error) {
      this.tell("notice.comments.failed", error);
    }
  }

  private tell(key: string, error: unknown): void {
    this.notices.tell("error", key, reasonOf(error));
  }
}

function promptFrom(prompt: ProvenancePrompt): Prompt {
  if (prompt.type === "point") return { kind: "point", point: { x: prompt.x, y: prompt.y }, label: prompt.label };
  const { x0, y0, x1, y1 } = prompt;
  return { kind: "box", box: { x0, y0, x1, y1 } };
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

/** A snapshot lacks what never changes; the current record lends it. */
function versionFrom(row: RevisionRow, current: MaskRecord | null): MaskVersion {
  const { counts } = row.snapshot;
  const { size } = current?.mask ?? {};
  const base = {
    id: current?.id ?? "",
    size: size ? [size.height, size.width] : [0, 0],
    author: row.author,
    created_at: row.created_at,
  };
  const record =
    size && typeof counts === "string" ? recordFromRow({ ...row.snapshot, ...base } as unknown as AnnotationRow) : null;
  return {
    revision: row.revision,
    action: row.action,
    authorName: row.author?.name ?? "",
    createdAt: row.created_at,
    record,
  };
}

/** Keeps what the panels watch in step with the open image, and has the canvases drawn when it changed. */
import type { Selecting } from "../editing/selecting";
import type { ImageSession } from "../session/image-session";
import type { Stores } from "../state/stores";
import type { Viewing } from "../viewing/viewing";

export class PanelFeed {
  constructor(
    private readonly stores: Stores,
    private readonly selecting: Pick<Selecting, "prune">,
    private readonly viewing: Pick<Viewing, "masksChanged" | "overlayChanged">,
    private readonly projectStage: string,
  ) {}

  /** Forget the image before and show another. */
  begin(session: ImageSession): void {
    const { stores } = this;
    const { detail } = session;
    stores.selection.set(new Set());
    stores.conflicts.set([]);
    stores.comments.set([]);
    stores.shownComment.set(null);
    stores.stage.set(detail.stage || this.projectStage);
    stores.image.set({
      id: detail.id,
      name: detail.name,
      size: session.size,
      position: detail.position,
      total: detail.total,
      previousId: detail.previous_id,
      nextId: detail.next_id,
      workStatus: detail.work_status,
    });
    this.refresh(session);
  }

  /** The document or the history has changed. */
  refresh({ document, history }: ImageSession): void {
    const { stores } = this;
    this.selecting.prune();
    const areMasksSame = stores.masks.get() === document.all();
    const isTargetSame = (stores.draft.get()?.targetId ?? null) === (document.draft?.targetId ?? null);
    stores.masks.set(document.all());
    stores.draft.set(document.draft);
    stores.undoState.set({ undo: history.undoName, redo: history.redoName });
    // Painting thousands of masks anew for every prompt would be felt.
    if (areMasksSame && isTargetSame) this.viewing.overlayChanged();
    else this.viewing.masksChanged();
  }
}

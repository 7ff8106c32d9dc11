/** From comments to what they are about, and the other way round. */
import { toScreen } from "../../geometry/viewport";
import type { Selecting } from "../editing/selecting";
import type { ImageSession } from "../session/image-session";
import type { Stores } from "../state/stores";
import type { Viewing } from "../viewing/viewing";

export interface CommentViewPorts {
  readonly stores: Stores;
  readonly selecting: Selecting;
  readonly viewing: Viewing;
  readonly tools: { choose(tool: "comment"): void };
  readonly session: ImageSession | null;
}

/** Show a comment in the panel, and what it is about on the photo. */
export function showComment({ stores, selecting, viewing, session }: CommentViewPorts, id: number): void {
  const comment = stores.comments.get().find((one) => one.id === id);
  if (!comment) return;
  stores.isPanelOpen.set(true);
  stores.shownComment.set(id);
  const mask = comment.annotationId === null ? undefined : session?.document.get(comment.annotationId);
  if (mask) selecting.select(mask.id, "only");
  const { bounds } = mask ?? {};
  const place = comment.place ?? (bounds && { x: (bounds.x0 + bounds.x1) / 2, y: (bounds.y0 + bounds.y1) / 2 });
  if (!place) return;
  const { width, height } = stores.view.get().canvas;
  const { x, y } = toScreen(stores.view.get(), place);
  const isInView = x > 0 && y > 0 && x < width && y < height;
  if (!isInView) viewing.pan(width / 2 - x, height / 2 - y);
}

/** Comment on the selected mask at once; else choose the place first, and the whole image when asked a second time. */
export function startComment({ stores, selecting, tools }: CommentViewPorts): void {
  const annotationId = selecting.ids.length === 1 ? selecting.ids[0] : null;
  if (annotationId === null && stores.tool.get() !== "comment") {
    tools.choose("comment");
    return;
  }
  stores.commentTarget.set({ annotationId, place: null });
  stores.dialog.set("comment");
}

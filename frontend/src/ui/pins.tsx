/** Pins on the photo where somebody asks for something; resolved ones are gone. */
import type { JSX } from "preact";

import { toScreen } from "../geometry/viewport";
import type { ImagePoint } from "../geometry/types";
import type { MaskRecord } from "../model/mask-record";
import type { CommentTarget } from "../model/workspace";
import { Icon } from "./icons";
import { useStore, useSurroundings } from "./hooks";

const WORDS = 80;

export function Pins(): JSX.Element | null {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const comments = useStore(workspace.comments);
  const masks = useStore(workspace.masks);
  const shown = useStore(workspace.shownComment);
  const dialog = useStore(workspace.dialog);
  const target = useStore(workspace.commentTarget);
  const open = comments.filter(({ isResolved }) => !isResolved);
  return (
    <>
      {open.map((comment) => (
        <Pin
          key={comment.id}
          at={placeOf(comment, masks)}
          name={t("comments.pin", {
            name: comment.authorName || t("conflict.somebody"),
            body: comment.body.slice(0, WORDS),
          })}
          isShown={comment.id === shown}
          onPress={() => workspace.showComment(comment.id)}
        />
      ))}
      {dialog === "comment" && <Pin at={target.place} name={t("selected.comment")} isShown={true} />}
    </>
  );
}

interface PinProps {
  readonly at: ImagePoint | null;
  readonly name: string;
  readonly isShown: boolean;
  readonly onPress?: () => void;
}

/** One pin, with its tip at the place; it alone is drawn again as the view moves. */
function Pin({ at, name, isShown, onPress }: PinProps): JSX.Element | null {
  const { workspace } = useSurroundings();
  const view = useStore(workspace.view);
  if (!at) return null;
  const { x, y } = toScreen(view, at);
  if (x < 0 || y < 0 || x > view.canvas.width || y > view.canvas.height) return null;
  return (
    <button
      type="button"
      class={`pin ${isShown ? "is-shown" : ""}`}
      aria-label={name}
      title={name}
      style={{ transform: `translate(${Math.round(x)}px, ${Math.round(y)}px) translate(-50%, -100%)` }}
      onClick={() => onPress?.()}
    >
      <Icon name="comment" />
    </button>
  );
}

/** The place itself, or the top of the mask that a comment is about; none for the whole image. */
function placeOf(target: CommentTarget, masks: readonly MaskRecord[]): ImagePoint | null {
  if (target.place) return target.place;
  const bounds = masks.find(({ id }) => id === target.annotationId)?.bounds;
  return bounds ? { x: (bounds.x0 + bounds.x1) / 2, y: bounds.y0 } : null;
}

/** What annotators and reviewers say to each other about this image, a mask or a place, and the form to say it. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import type { CommentInfo, CommentTarget } from "../model/workspace";
import { Section } from "./controls";
import { useStore, useSurroundings } from "./hooks";

export function Comments(): JSX.Element | null {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const comments = useStore(workspace.comments);
  if (comments.length === 0) return null;
  const open = comments.filter(({ isResolved }) => !isResolved).length;
  return (
    <Section title={t("comments.title")} aside={<span class="count">{translator.number(open)}</span>}>
      {comments.map((comment) => (
        <Comment key={comment.id} comment={comment} />
      ))}
    </Section>
  );
}

function Comment({ comment }: { readonly comment: CommentInfo }): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const isShown = useStore(workspace.shownComment) === comment.id;
  const card = useRef<HTMLElement>(null);
  useEffect(() => {
    if (isShown) card.current?.scrollIntoView({ block: "nearest" });
  }, [isShown]);
  const when = new Intl.DateTimeFormat(translator.locale, { dateStyle: "medium", timeStyle: "short" });
  const isElsewhere = comment.annotationId !== null || comment.place !== null;
  return (
    <article ref={card} class={`comment ${comment.isResolved ? "is-resolved" : ""} ${isShown ? "is-shown" : ""}`}>
      <header>
        <b>{comment.authorName || t("conflict.somebody")}</b> <small>{when.format(new Date(comment.createdAt))}</small>
      </header>
      <p>{comment.body}</p>
      <small>
        <Where target={comment} />
      </small>
      <div class="buttons">
        {isElsewhere && (
          <button type="button" class="button" onClick={() => workspace.showComment(comment.id)}>
            {t("comments.show")}
          </button>
        )}
        <button type="button" class="button" onClick={() => workspace.resolveComment(comment.id, !comment.isResolved)}>
          {t(comment.isResolved ? "comments.reopen" : "comments.resolve")}
        </button>
      </div>
    </article>
  );
}

/** What a comment is about, in words. */
function Where({ target }: { readonly target: CommentTarget }): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const masks = useStore(workspace.masks);
  const mask = masks.find(({ id }) => id === target.annotationId);
  const label = workspace.labels.find(({ id }) => id === mask?.labelId)?.name ?? t("masks.unlabelled");
  const { place } = target;
  const parts = [
    ...(mask ? [t("comments.on.mask", { label })] : []),
    ...(place ? [t("comments.on.place", { x: Math.round(place.x), y: Math.round(place.y) })] : []),
  ];
  return <>{parts.length > 0 ? parts.join(" · ") : t("comments.on.image")}</>;
}

export function CommentForm(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const target = useStore(workspace.commentTarget);
  const [body, setBody] = useState("");
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        workspace.dialog.set(null);
        workspace.addComment(body.trim());
      }}
    >
      <p class="quiet">
        <Where target={target} />
      </p>
      <textarea
        rows={4}
        maxLength={5000}
        autofocus
        aria-label={t("selected.comment")}
        placeholder={t("comments.placeholder")}
        value={body}
        onInput={(event) => setBody(event.currentTarget.value)}
      />
      <button type="submit" class="button primary" disabled={body.trim() === ""}>
        {t("comments.send")}
      </button>
    </form>
  );
}

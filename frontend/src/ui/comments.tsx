/** What annotators and reviewers say to each other about this image. */
import type { JSX } from "preact";

import { Section } from "./controls";
import { useStore, useSurroundings } from "./hooks";

export function Comments(): JSX.Element | null {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const comments = useStore(workspace.comments);
  if (comments.length === 0) return null;
  return (
    <Section title={t("comments.title")}>
      {comments.map((comment) => (
        <div key={comment.id} class={`comment ${comment.isResolved ? "is-resolved" : ""}`}>
          <b>{comment.authorName}</b>
          <p>{comment.body}</p>
          <div class="buttons">
            {comment.annotationId !== null && (
              <button type="button" class="button" onClick={() => workspace.select(comment.annotationId ?? "", "only")}>
                {t("tool.select")}
              </button>
            )}
            <button
              type="button"
              class="button"
              onClick={() => workspace.resolveComment(comment.id, !comment.isResolved)}
            >
              {t(comment.isResolved ? "comments.reopen" : "comments.resolve")}
            </button>
          </div>
        </div>
      ))}
    </Section>
  );
}

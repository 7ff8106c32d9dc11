/** The verdict on a submitted image, or what a reviewer said when sending it back; the first thing in the panel. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { Section } from "./controls";
import { useStore, useSurroundings } from "./hooks";
import "./work.css";

export function ReviewSection(): JSX.Element | null {
  const { workspace } = useSurroundings();
  const review = useStore(workspace.review);
  const image = useStore(workspace.image);
  if (!review) return null;
  return review.kind === "judge" ? <Verdict key={image?.id} /> : <Returned />;
}

function Verdict(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const review = useStore(workspace.review);
  const [comment, setComment] = useState("");
  const isSending = review?.isSending ?? true;
  const words = comment.trim();
  return (
    <Section title={t("review.title")} class="review">
      <p>{t("review.by", { name: review?.byName ?? t("review.somebody") })}</p>
      <textarea
        rows={2}
        maxLength={5000}
        placeholder={t("review.comment")}
        aria-label={t("review.comment")}
        value={comment}
        onInput={(event) => setComment(event.currentTarget.value)}
      />
      <div class="buttons">
        <button
          type="button"
          class="button primary"
          disabled={isSending}
          onClick={() => workspace.decideReview("accepted", words)}
        >
          {t("review.accept")}
        </button>
        <button
          type="button"
          class="button"
          disabled={isSending || words === ""}
          onClick={() => workspace.decideReview("returned", words)}
        >
          {t("review.back")}
        </button>
      </div>
    </Section>
  );
}

function Returned(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const review = useStore(workspace.review);
  return (
    <Section title={t("returned.title")} class="review returned">
      <p role="status">
        {t("returned.by", { name: review?.byName ?? t("review.somebody") })}
        <q>{review?.comment}</q>
      </p>
    </Section>
  );
}

/** Why an image is skipped: one of the usual reasons, or the person's own words. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { useSurroundings } from "./hooks";

const REASONS = ["blurry", "nothing", "unclear", "other"] as const;
type Reason = (typeof REASONS)[number];

export function SkipForm(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const [reason, setReason] = useState<Reason>("blurry");
  const [words, setWords] = useState("");
  const said = reason === "other" ? words.trim() : t(`skip.${reason}`);
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        workspace.dialog.set(null);
        workspace.skip(said);
      }}
    >
      <fieldset>
        <legend>{t("skip.reason")}</legend>
        {REASONS.map((id) => (
          <label key={id} class="radio">
            <input type="radio" name="reason" checked={reason === id} onChange={() => setReason(id)} />{" "}
            {t(`skip.${id}`)}
          </label>
        ))}
      </fieldset>
      {reason === "other" && (
        <textarea
          rows={2}
          maxLength={500}
          aria-label={t("skip.what")}
          placeholder={t("skip.what")}
          value={words}
          onInput={(event) => setWords(event.currentTarget.value)}
        />
      )}
      <button type="submit" class="button primary" disabled={said === ""}>
        {t("skip.send")}
      </button>
    </form>
  );
}

/**
 * Which reading of the click is shown, how sure the model is, and the others; in the hint line, where it covers nothing
 * that can be clicked. Where there is little room one button stands for all readings and shows the next.
 */
import type { JSX } from "preact";

import type { Candidate } from "../model/embedding-views";
import { nextCandidate, walkableCandidates, type Draft } from "../model/draft";
import { scoreText } from "../model/mask-record";
import { IconButton } from "./controls";
import { useMedia, useStore, useSurroundings } from "./hooks";
import { Icon } from "./icons";

/** Too little room for three readings beside the tool's options and the hint. */
const NARROW = "(max-width: 1100px)";

export function CandidateChip(): JSX.Element | null {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const draft = useStore(workspace.draft);
  const isDecoding = useStore(workspace.isDecoding);
  const isSharpening = useStore(workspace.isSharpening);
  const readingText = useReadingText(draft);
  const isNarrow = useMedia(NARROW);
  if (!draft) return null;
  const walk = walkableCandidates(draft);
  const chosen = draft.candidates.at(draft.chosen);
  return (
    <div class="chip" role="group" aria-label={t("candidate.title")} aria-busy={isDecoding}>
      {isNarrow ? (
        chosen && <NextReading draft={draft} chosen={chosen} text={readingText(chosen)} />
      ) : (
        <Readings draft={draft} readingText={readingText} />
      )}
      {walk.length === 0 && isDecoding && <span class="chip-now">{t("candidate.working")}</span>}
      <button
        type="button"
        class="icon-button"
        aria-label={t("action.sharpen")}
        title={t("action.sharpen")}
        aria-busy={isSharpening}
        disabled={isSharpening || !draft.mask}
        onClick={() => workspace.perform("sharpen")}
      >
        <Icon name="sharpen" />
      </button>
      <IconButton icon="check" name={t("action.accept")} onPress={() => workspace.perform("accept")} />
      <IconButton icon="close" name={t("action.abandon")} onPress={() => workspace.perform("abandon")} />
    </div>
  );
}

/** All readings, the one that is shown pressed. */
function Readings(props: {
  readonly draft: Draft;
  readonly readingText: (candidate: Candidate) => string;
}): JSX.Element {
  const { workspace } = useSurroundings();
  const { draft, readingText } = props;
  const chosen = draft.candidates.at(draft.chosen);
  return (
    <>
      {chosen?.index === 0 && <span class="chip-now">{readingText(chosen)}</span>}
      {walkableCandidates(draft).map((candidate) => (
        <button
          key={candidate.index}
          type="button"
          class="chip-choice"
          title={readingText(candidate)}
          aria-pressed={candidate === chosen}
          onClick={() => workspace.chooseCandidate(draft.candidates.indexOf(candidate))}
        >
          {readingText(candidate)}
        </button>
      ))}
    </>
  );
}

/** What a reading is called: with its score, unless a hand has changed the mask that the score was of. */
function useReadingText(draft: Draft | null): (candidate: Candidate) => string {
  const { translator } = useSurroundings();
  return (candidate) => {
    const level = translator.dynamic(`candidate.level.${candidate.index}`);
    const isEdited = draft !== null && draft.edits.length > 0 && candidate === draft.candidates.at(draft.chosen);
    if (isEdited) return translator.t("candidate.edited", { level });
    return translator.t("candidate.chip", { level, score: scoreText(candidate.predictedIou) });
  };
}

/** One button for small screens: the reading that is shown and its place among them; a press shows the next. */
function NextReading(props: { readonly draft: Draft; readonly chosen: Candidate; readonly text: string }): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { draft, chosen } = props;
  const walk = walkableCandidates(draft);
  const at = walk.indexOf(chosen) + 1;
  const name = translator.t("candidate.next", { reading: props.text, at, of: walk.length });
  return (
    <button
      type="button"
      class="chip-choice chip-next"
      aria-label={name}
      title={name}
      onClick={() => workspace.chooseCandidate(nextCandidate(draft, 1))}
    >
      <span class="chip-words">{props.text}</span>
      {at > 0 && <small>{translator.t("candidate.place", { at, of: walk.length })}</small>}
    </button>
  );
}

/** Tells screen readers what the eye sees: what is selected, where prompts are, what the model answered. */
import { maskArea } from "../../geometry/column-mask";
import { walkableCandidates, type Draft } from "../../model/draft";
import { scoreText, type LabelInfo } from "../../model/mask-record";
import type { Stores } from "../state/stores";

/** An announcement is `key|value|time`; the time makes the same words be read again. */
export function announceWork(stores: Stores, labels: readonly LabelInfo[]): void {
  const say = (key: string, value: string | number): void =>
    stores.announcement.set(`announce.${key}|${String(value).replaceAll("|", "/")}|${Date.now()}`);
  let before: Draft | null = null;
  stores.draft.subscribe(() => {
    const after = stores.draft.get();
    if (after) sayDraft(before, after, say);
    before = after;
  });
  stores.selection.subscribe(() => {
    const text = selectionText(stores, labels);
    if (text) say("selected", text);
  });
}

function sayDraft(before: Draft | null, after: Draft, say: (key: string, value: string | number) => void): void {
  const last = after.prompts.at(-1);
  if (after.prompts.length > (before?.prompts.length ?? 0) && last?.kind === "point") {
    const { x, y } = last.point;
    say(last.label === 1 ? "foreground" : "background", `${Math.round(x)}, ${Math.round(y)}`);
  } else if (after.candidates !== before?.candidates && after.mask) {
    say("answer", maskArea(after.mask));
  } else if (after.chosen !== before?.chosen && after.candidates.length > 0) {
    const walk = walkableCandidates(after);
    const chosen = after.candidates[after.chosen];
    say("candidate", `${walk.indexOf(chosen) + 1}/${walk.length}, ${scoreText(chosen.predictedIou)}`);
  }
}

/** The one selected mask by label, area and place in the list; nothing for none, the number for several. */
function selectionText(stores: Stores, labels: readonly LabelInfo[]): string | null {
  const ids = [...stores.selection.get()];
  if (ids.length !== 1) return ids.length === 0 ? null : String(ids.length);
  const masks = stores.masks.get();
  const at = masks.findIndex(({ id }) => id === ids[0]);
  if (at < 0) return null;
  const name = labels.find(({ id }) => id === masks[at].labelId)?.name ?? "–";
  return `${name}, ${masks[at].area} px, ${masks.length - at}/${masks.length}`;
}

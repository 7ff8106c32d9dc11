/** Whose time it was: gives the person's time at work to the saved masks that it went into. Pure. */
import type { Change } from "../../model/document";

/**
 * The changes, with the time since the last one shared among the masks that were drawn on or accepted. A draft's time
 * is counted when the draft is kept, and what was looked at or rejected belongs to the image.
 */
export function withWorkTime(changes: readonly Change[], takeMs: () => number): readonly Change[] {
  if (changes.some(({ kind }) => kind === "draft")) return changes;
  const worked = changes.filter(isWork).length;
  if (worked === 0) return changes;
  const share = Math.round(takeMs() / worked);
  return changes.map((change) =>
    isWork(change) ? { ...change, after: { ...change.after, activeMs: change.after.activeMs + share } } : change,
  );
}

type MaskChange = Extract<Change, { kind: "mask" }>;
type Worked = MaskChange & { readonly after: NonNullable<MaskChange["after"]> };

function isWork(change: Change): change is Worked {
  if (change.kind !== "mask" || !change.before || !change.after) return false;
  const isAccepted = change.before.state !== change.after.state && change.after.state === "accepted";
  return isAccepted || change.before.mask !== change.after.mask;
}

/**
 * Says so before somebody changes an image that is out of the annotators' hands: submitted, or reviewed.
 *
 * The change that was begun is not made; whoever says "change it" goes on. A reviewer who judges somebody else's may mend
 * it. What a reviewer has accepted only reviewers and admins change, and what they then save says `override`.
 */
import type { ActionId } from "../../model/actions";
import type { Notices } from "../state/notices";
import type { Stores } from "../state/stores";

const OUT_OF_HANDS: ReadonlySet<string> = new Set(["submitted", "reviewed"]);
const NOTICE = "notice.submitted";
const ACCEPTED = "notice.accepted";

/** Actions that change masks, or begin to. */
export const CHANGING: ReadonlySet<ActionId> = new Set<ActionId>([
  "accept",
  "refineWithModel",
  "undo",
  "redo",
  "delete",
  "duplicate",
  "merge",
  "subtract",
  "intersect",
  "fillHoles",
  "removeSpecks",
  "smooth",
  "moveUp",
  "moveDown",
  "toggleLock",
  "acceptSuggestion",
  "rejectSuggestion",
  "cursorForeground",
  "cursorBackground",
]);

export class SubmittedGuard {
  /** The image that the person has chosen to change all the same. */
  private opened: number | null = null;

  constructor(
    private readonly stores: Pick<Stores, "image" | "review">,
    private readonly notices: Pick<Notices, "tell" | "clear">,
    private readonly mayOverride: boolean,
  ) {}

  /** True where the open image may be changed; else the person is told, and asked. */
  mayChange(): boolean {
    if (!this.isSealed()) return true;
    const image = this.stores.image.get();
    this.notices.clear(ACCEPTED);
    if (image?.workStatus === "reviewed" && !this.mayOverride) {
      this.notices.tell("warning", ACCEPTED);
      return false;
    }
    const open = (): void => {
      this.opened = image?.id ?? null;
      this.notices.clear(NOTICE);
    };
    this.notices.clear(NOTICE);
    this.notices.tell("warning", NOTICE, {}, { key: "action.change.anyway", run: open });
    return false;
  }

  /** True where what is saved now stands against the rule that reviewed images stay as they are. */
  readonly overrides = (): boolean => this.mayOverride && this.stores.image.get()?.workStatus === "reviewed";

  /** Do it, if the open image may be changed. */
  readonly guarded =
    <A extends readonly unknown[]>(change: (...given: A) => void) =>
    (...given: A): void => {
      if (this.mayChange()) change(...given);
    };

  private isSealed(): boolean {
    const image = this.stores.image.get();
    if (!image || !OUT_OF_HANDS.has(image.workStatus) || image.id === this.opened) return false;
    const review = this.stores.review.get();
    return review?.kind !== "judge" || review.isOwn;
  }
}

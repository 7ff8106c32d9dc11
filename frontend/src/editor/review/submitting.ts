/** An image goes on when its masks are complete; those that are not are counted, and the first is shown. */
import { unanswered, unlabelled, type LabelInfo, type MaskRecord } from "../../model/mask-record";
import { inReadingOrder } from "../../model/reading-order";
import type { Selecting } from "../editing/selecting";
import type { Notices } from "../state/notices";
import type { Stores } from "../state/stores";
import type { Viewing } from "../viewing/viewing";

export interface SubmitPorts {
  readonly stores: Pick<Stores, "masks">;
  readonly labels: readonly LabelInfo[];
  readonly selecting: Pick<Selecting, "set">;
  readonly viewing: Pick<Viewing, "reveal">;
  readonly notices: Notices;
  readonly work: { finishImage(): Promise<void> };
}

const UNLABELLED = "notice.unlabelled";

/** Answers that a label requires are required; a label that is missing is asked about. */
export function submit(ports: SubmitPorts): void {
  const { stores, labels, selecting, viewing, notices, work } = ports;
  notices.clear(UNLABELLED);
  const open = unanswered(stores.masks.get(), labels);
  const bare = unlabelled(stores.masks.get(), labels);
  if (open.length > 0) {
    selecting.set(open.map(({ id }) => id));
    notices.tell("warning", "notice.unanswered", { count: open.length });
  } else if (bare.length > 0) {
    const first: MaskRecord = inReadingOrder(bare)[0];
    selecting.set([first.id]);
    viewing.reveal(first.bounds);
    notices.tell("warning", UNLABELLED, { count: bare.length }, { key: "action.submitAnyway", run: finish });
  } else finish();

  function finish(): void {
    notices.clear(UNLABELLED);
    void work.finishImage();
  }
}

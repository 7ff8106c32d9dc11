/** Keeps what the header says of saving in step with the outbox: all images, seen from the one that is open. */
import type { JournalEntry } from "../../api/journal";
import type { Outbox } from "../../api/outbox";
import type { SaveReport } from "../../api/save-report";
import type { RefusedMask, SaveInfo } from "../../model/workspace";
import type { Stores } from "../state/stores";

export function saveInfoOf(report: SaveReport, openImage: number | null): SaveInfo {
  const others = [...report.masks].filter(([imageId]) => imageId !== openImage);
  const sum = (counts: readonly (readonly [number, number])[]): number => counts.reduce((all, [, n]) => all + n, 0);
  return {
    state: report.status,
    pending: sum([...report.masks]),
    elsewhere: { masks: sum(others), images: others.length },
    refused: refusedMasks(report.refused),
    isKept: report.isKept,
  };
}

/** Rules that a reviewer or admin may set aside: annotator/annotations/rules.py. */
const OVERRIDABLE: ReadonlySet<string> = new Set([
  "project_archived",
  "image_reviewed",
  "held_by_other",
  "mask_locked",
]);

/** One for each mask: what was refused first of it, which all the rest was made on top of. */
function refusedMasks(entries: readonly JournalEntry[]): readonly RefusedMask[] {
  const masks = new Map<string, RefusedMask>();
  for (const { imageId, operation, held } of entries) {
    const annotationId = operation.annotation_id;
    if (!held || masks.has(annotationId)) continue;
    masks.set(annotationId, {
      imageId,
      annotationId,
      operation: operation.type,
      code: held.code,
      message: held.message,
      isOverridable: OVERRIDABLE.has(held.code),
    });
  }
  return [...masks.values()];
}

/**
 * Set the header anew whenever the outbox or the open image changes; returns what the outbox is to call. A mask that was
 * refused opens the panel, where it lies with what can be done about it.
 */
export function feedSaveInfo(
  stores: Pick<Stores, "save" | "image" | "isPanelOpen">,
  getReport: () => SaveReport | null,
): () => void {
  const update = (): void => {
    const report = getReport();
    if (!report) return;
    const before = stores.save.get().refused.length;
    const info = saveInfoOf(report, stores.image.get()?.id ?? null);
    stores.save.set(info);
    if (info.refused.length > before) stores.isPanelOpen.set(true);
  };
  stores.image.subscribe(update);
  return update;
}

/** All operations of a mask that was refused, for whoever wants to settle it. */
export function entriesOfMask(outbox: Outbox, annotationId: string): readonly JournalEntry[] {
  return outbox.report.refused.filter(({ operation }) => operation.annotation_id === annotationId);
}

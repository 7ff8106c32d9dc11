/** Which masks the list shows and in which order. Pure. */
import type { LabelInfo, MaskRecord } from "../model/mask-record";
import type { SuggestionFilter } from "../model/suggestion-filter";

export const FILTERS = ["all", "unlabelled", "suggestions", "locked", "manual"] as const;
export const SORTS = ["top", "newest", "label", "area", "score"] as const;
/** One of the kinds, or the masks of one label. */
export type ListFilter = (typeof FILTERS)[number] | `label:${number}`;
export type ListSort = (typeof SORTS)[number];

const KEEP: Record<(typeof FILTERS)[number], (record: MaskRecord) => boolean> = {
  all: () => true,
  unlabelled: (record) => record.labelId === null,
  suggestions: (record) => record.state === "suggestion",
  locked: (record) => record.isLocked,
  manual: (record) => record.source === "manual",
};

export function listedMasks(
  masks: readonly MaskRecord[],
  filter: ListFilter,
  sort: ListSort,
  labels: ReadonlyMap<number, LabelInfo>,
  threshold: SuggestionFilter,
): MaskRecord[] {
  const shown = masks.filter((record) => isListed(record, threshold) && isKept(filter, record)).reverse();
  const place = (record: MaskRecord): number => labels.get(record.labelId ?? -1)?.position ?? Infinity;
  switch (sort) {
    case "top":
      return shown;
    case "newest":
      return shown.sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
    case "label":
      return shown.sort((a, b) => place(a) - place(b) || (a.labelId ?? 0) - (b.labelId ?? 0));
    case "area":
      return shown.sort((a, b) => b.area - a.area);
    case "score":
      return shown.sort((a, b) => (b.predictedIou ?? -1) - (a.predictedIou ?? -1));
  }
}

function isKept(filter: ListFilter, record: MaskRecord): boolean {
  return isLabelFilter(filter) ? filter === `label:${record.labelId ?? -1}` : KEEP[filter](record);
}

function isLabelFilter(filter: ListFilter): filter is `label:${number}` {
  return filter.startsWith("label:");
}

function isListed(record: MaskRecord, threshold: SuggestionFilter): boolean {
  if (record.state !== "suggestion") return record.state === "accepted";
  return (record.predictedIou ?? 1) >= threshold.minIou && (record.stabilityScore ?? 1) >= threshold.minStability;
}

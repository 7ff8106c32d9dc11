/**
 * Which mask the tool in hand would change now. One answer for the tools, the hint line and the reasons given when a
 * stroke changes nothing. Pure.
 */
import type { Draft } from "./draft";
import type { MaskRecord } from "./mask-record";
import type { ToolId } from "./view-settings";

/** Why a tool has no mask to change. */
export type NoTarget = "several" | "locked" | "nothing.to.erase" | "nothing.to.cut";

export type EditTarget =
  /** The next click or stroke begins a mask. */
  | { readonly kind: "new" }
  /** A mask that is not kept yet; `record` is the saved one that it will replace. */
  | { readonly kind: "draft"; readonly record: MaskRecord | null }
  | { readonly kind: "mask"; readonly record: MaskRecord }
  | { readonly kind: "none"; readonly why: NoTarget };

export interface Situation {
  readonly draft: Draft | null;
  readonly selected: readonly MaskRecord[];
  readonly find: (id: string) => MaskRecord | undefined;
}

/** Whether a stroke takes away, adds, or cuts in two. */
export type StrokeKind = "add" | "subtract" | "split";

/** The mask that a stroke would change: the draft, else the one selected mask, else a new one. */
export function strokeTarget({ draft, selected, find }: Situation, stroke: StrokeKind): EditTarget {
  if (stroke === "split") return splitTarget(selected);
  if (draft) return { kind: "draft", record: draft.targetId === null ? null : (find(draft.targetId) ?? null) };
  if (selected.length > 1) return { kind: "none", why: "several" };
  const record = selected.at(0);
  if (record) return record.isLocked ? { kind: "none", why: "locked" } : { kind: "mask", record };
  return stroke === "subtract" ? { kind: "none", why: "nothing.to.erase" } : { kind: "new" };
}

/** A line cuts all selected masks that it crosses. */
function splitTarget(selected: readonly MaskRecord[]): EditTarget {
  const record = selected.find(({ isLocked }) => !isLocked);
  if (record) return { kind: "mask", record };
  return { kind: "none", why: selected.length > 0 ? "locked" : "nothing.to.cut" };
}

/** The same for the tool in hand; null for tools that change no mask. */
export function toolTarget(situation: Situation, tool: ToolId, lassoMode: StrokeKind): EditTarget | null {
  switch (tool) {
    case "select":
    case "comment":
      return null;
    case "points":
    case "box":
      return situation.draft ? strokeTarget(situation, "add") : { kind: "new" };
    case "brush":
      return strokeTarget(situation, "add");
    case "eraser":
      return strokeTarget(situation, "subtract");
    case "lasso":
      return strokeTarget(situation, lassoMode);
  }
}

/** What the pages say of everything that is on its way: how much of which images, and what stands in the way. */
import { ApiError } from "./http";
import type { Held, JournalEntry } from "./journal";

/** Why nothing can be sent at the moment. */
export type Trouble = "offline" | "timeout" | "busy" | "full" | "failing" | "signed-out" | "other-account";
export type SaveStatus = "saved" | "saving" | Trouble | "gone" | "refused" | "conflict";

export interface SaveReport {
  readonly status: SaveStatus;
  /** Operations that the server does not have. */
  readonly operations: number;
  /** Masks with such operations, by image. */
  readonly masks: ReadonlyMap<number, number>;
  /** What was refused, with all that was made on top of it, oldest first; it waits for the person. */
  readonly refused: readonly JournalEntry[];
  /** False: this browser keeps nothing between visits. */
  readonly isKept: boolean;
}

export interface OutboxState {
  readonly entries: readonly JournalEntry[];
  /** Operations on their way into the journal. */
  readonly writing: number;
  readonly trouble: Trouble | null;
  readonly gone: ReadonlyMap<number, number>;
  readonly isSending: boolean;
}

export function countPending(state: OutboxState): Omit<SaveReport, "isKept"> {
  const { entries, writing } = state;
  const ids = new Map<number, Set<string>>();
  for (const { imageId, operation } of entries) {
    ids.set(imageId, (ids.get(imageId) ?? new Set()).add(operation.annotation_id));
  }
  const refused = heldMasks(entries, "refused");
  return {
    status: statusOf(state),
    operations: entries.length + writing,
    masks: new Map([...ids].map(([imageId, masks]) => [imageId, masks.size])),
    refused: entries.filter(({ operation }) => refused.has(operation.annotation_id)),
  };
}

/** Masks of which nothing is sent before somebody has settled what is held of them. */
export function heldMasks(entries: readonly JournalEntry[], reason?: Held["reason"]): Set<string> {
  const held = entries.filter((entry) => entry.held && (reason === undefined || entry.held.reason === reason));
  return new Set(held.map(({ operation }) => operation.annotation_id));
}

function statusOf({ entries, writing, trouble, gone, isSending }: OutboxState): SaveStatus {
  if (entries.length + writing === 0) return "saved";
  const held = heldMasks(entries);
  const waiting = entries.filter(({ operation, imageId }) => !held.has(operation.annotation_id) && !gone.has(imageId));
  if (writing > 0 || waiting.length > 0) return trouble ?? "saving";
  if (heldMasks(entries, "conflict").size > 0) return "conflict";
  if (held.size > 0) return "refused";
  return isSending ? "saving" : "gone";
}

/** Tell apart why the server gave no answer that is one. */
export function troubleOf(error: unknown): Trouble {
  if (!(error instanceof ApiError)) return "failing";
  if (error.status === 0) return error.code === "timeout" ? "timeout" : "offline";
  if (error.status === 403 && error.code === "other_account") return "other-account";
  if (error.status === 401 || error.status === 403) return "signed-out";
  if (error.status === 507) return "full";
  return BUSY.has(error.status) ? "busy" : "failing";
}

/** Too many requests; a server that is starting, stopping or behind a proxy that cannot reach it. */
const BUSY: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** The image is deleted, or the person may not change it (any more): the others go on. */
export function isOutOfReach(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 404 || (error.status === 403 && error.code === "forbidden"));
}

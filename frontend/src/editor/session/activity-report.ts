/** Sends active time that belongs to no mask (looking, searching, deciding, reviewing) when an image is left. */
import type { WorkspaceApi } from "../../api/workspace-api";
import type { Effort } from "../saving/effort-log";

/** Less is the moment between opening a photo and leaving it. */
const LEAST_MS = 1_000;

export class ActivityReport {
  constructor(private readonly api: Pick<WorkspaceApi, "reportActivity">) {}

  /** A report that does not arrive is lost: time is never worth holding anybody up. */
  send(imageId: number, activeMs: number, effort: Effort): void {
    if (activeMs < LEAST_MS) return;
    this.api.reportActivity(imageId, activeMs, { ...effort }).catch(() => undefined);
  }
}

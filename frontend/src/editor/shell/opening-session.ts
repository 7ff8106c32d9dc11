/** Opens a session for an image: what happens in it is told to the notices, the meter, the canvases and the panels. */
import type { Outbox } from "../../api/outbox";
import type { ImageDetail } from "../../api/wire";
import type { WorkspaceApi } from "../../api/workspace-api";
import type { Decoder } from "../prompting/decoder-port";
import type { LatencyLog } from "../prompting/latency-log";
import type { Conflicts } from "../review/conflicts";
import type { SubmittedGuard } from "../review/submitted-guard";
import type { ActiveClock } from "../saving/active-clock";
import { ImageSession } from "../session/image-session";
import { reasonOf, type Notices } from "../state/notices";
import type { Stores } from "../state/stores";
import type { Viewing } from "../viewing/viewing";

export interface SessionTargets {
  readonly api: WorkspaceApi;
  readonly outbox: Outbox;
  readonly decoder: Decoder;
  readonly stores: Stores;
  readonly notices: Notices;
  readonly latency: LatencyLog;
  readonly viewing: Pick<Viewing, "overlayChanged">;
  readonly clock: ActiveClock;
  readonly submitted: Pick<SubmittedGuard, "overrides">;
  readonly conflicts: Pick<Conflicts, "add">;
  onChanged(session: ImageSession): void;
}

export function openSession(detail: ImageDetail, targets: SessionTargets): ImageSession {
  const { api, outbox, decoder, stores, notices, latency, viewing, clock, submitted, conflicts } = targets;
  const tellError = (key: string, error: unknown): void => {
    notices.clear(key);
    notices.tell("error", key, reasonOf(error));
  };
  const session: ImageSession = new ImageSession(detail, {
    ...{ api, outbox, decoder, stores },
    onDecoded: (kind, ms) => latency.noteDecode(kind, ms),
    onShown: (askedAt) => latency.notePaint(askedAt),
    onDecodeFailed: (error) => tellError("notice.decode.failed", error),
    onNothingSharper: (reason) => notices.tell("info", `notice.sharpen.${reason}`),
    onPreview: () => viewing.overlayChanged(),
    takeMs: () => clock.take(),
    overrides: submitted.overrides,
    onChanged: () => targets.onChanged(session),
    onConflict: (conflict) => conflicts.add(conflict),
    onMerged: (name) => notices.tell("info", "notice.merged", { name }),
    onStorageFailed: (error) => tellError("notice.storage.failed", error),
  });
  const { isDecoding, sharpening } = session.prompting;
  isDecoding.subscribe(() => stores.isDecoding.set(isDecoding.get()));
  sharpening.isUnderWay.subscribe(() => stores.isSharpening.set(sharpening.isUnderWay.get()));
  return session;
}

/** Enter: makes a saved mask of what is drawn, counts its time and effort, and says so. */
import type { MaskRecord } from "../../model/mask-record";
import type { WorkspaceConfig } from "../state/config";
import type { Notices } from "../state/notices";
import type { Stores } from "../state/stores";
import { acceptDraft, isMaskComing, whenAnswered, type DraftedImage } from "./accepting";
import type { ActiveClock } from "./active-clock";
import type { EffortLog } from "./effort-log";
import type { PaceKeeper } from "./pace";

export interface KeepingPorts {
  readonly config: WorkspaceConfig;
  readonly stores: Stores;
  readonly notices: Notices;
  readonly effort: EffortLog;
  readonly clock: ActiveClock;
  readonly pace: PaceKeeper;
  readonly session: () => (DraftedImage & { readonly modelVersion: string | null }) | null;
  onMade(record: MaskRecord): void;
}

export class Keeping {
  constructor(private readonly ports: KeepingPorts) {}

  /** Save the draft; where the model has not answered it yet, as soon as it has. */
  accept(): void {
    const session = this.ports.session();
    if (!session?.document.draft) return;
    if (isMaskComing(session.prompting)) {
      whenAnswered(session, () => session === this.ports.session() && this.accept());
      return;
    }
    const { config, stores, notices, effort, clock, pace } = this.ports;
    const { targetId } = session.document.draft;
    const record = acceptDraft(session, {
      labelId: stores.currentLabel.get(),
      overlap: config.project.settings.overlap ?? "allow",
      modelVersion: session.modelVersion ?? config.model.version,
      activeMs: clock.activeMs,
      effort: effort.counted,
      authorName: config.user.name,
    });
    if (!record) {
      notices.tell("info", "notice.nothing.to.accept");
      return;
    }
    if (targetId === null) this.ports.onMade(record);
    effort.take();
    stores.pace.set(pace.add(clock.take()));
    stores.announcement.set(`announce.accepted|${record.area}|${Date.now()}`);
  }
}

/** Enter: makes a saved mask of what is drawn, counts its time and effort, and says so. */
import { acceptDraft, whenAnswered } from "./accepting";
import type { ActiveClock } from "./active-clock";
import type { WorkspaceConfig } from "./config";
import type { ImageSession } from "./image-session";
import type { Notices } from "./notices";
import type { PaceKeeper } from "./pace";
import type { Stores } from "./stores";
import type { WorkDesk } from "./work-desk";

export interface KeepingPorts {
  readonly config: WorkspaceConfig;
  readonly stores: Stores;
  readonly notices: Notices;
  readonly work: WorkDesk;
  readonly clock: ActiveClock;
  readonly pace: PaceKeeper;
  readonly session: () => ImageSession | null;
}

export class Keeping {
  constructor(private readonly ports: KeepingPorts) {}

  /** Save the draft; where the model has not answered it yet, as soon as it has. */
  accept(): void {
    const session = this.ports.session();
    if (!session?.document.draft) return;
    if (session.prompting.isDecoding.get()) {
      whenAnswered(session, () => session === this.ports.session() && this.accept());
      return;
    }
    const { config, stores, notices, work, clock, pace } = this.ports;
    const record = acceptDraft(session, {
      labelId: stores.currentLabel.get(),
      overlap: config.project.settings.overlap ?? "allow",
      modelVersion: session.modelVersion ?? config.model.version,
      activeMs: clock.activeMs,
      effort: work.effort.counted,
      authorName: config.user.name ?? "",
    });
    if (!record) {
      notices.tell("info", "notice.nothing.to.accept");
      return;
    }
    work.effort.take();
    stores.pace.set(pace.add(clock.take()));
    stores.announcement.set(`announce.accepted|${record.area}|${Date.now()}`);
  }
}

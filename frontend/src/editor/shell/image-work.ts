/** The data engine's side of the editor: reviews, what is left, and the honest count of effort and time. */
import type { WorkspaceApi } from "../../api/workspace-api";
import { ImageReview } from "../review/image-review";
import { EffortLog } from "../saving/effort-log";
import { ActivityReport } from "../session/activity-report";
import type { Flow } from "../session/flow";
import type { ImageSession } from "../session/image-session";
import type { WorkspaceConfig } from "../state/config";
import type { Notices } from "../state/notices";
import type { Stores } from "../state/stores";
import { RemainingWalk } from "../suggestions/remaining-walk";
import type { Viewing } from "../viewing/viewing";

export interface WorkPorts {
  readonly api: WorkspaceApi;
  readonly stores: Stores;
  readonly config: WorkspaceConfig;
  readonly notices: Notices;
  readonly flow: Flow;
  readonly viewing: Viewing;
  readonly session: () => ImageSession | null;
}

export class ImageWork {
  readonly review: ImageReview;
  readonly remaining: RemainingWalk;
  readonly effort = new EffortLog();
  private readonly report: ActivityReport;

  constructor(private readonly ports: WorkPorts) {
    const { api, stores, config, flow, viewing, notices, session } = ports;
    this.report = new ActivityReport(api);
    this.review = new ImageReview({
      api,
      stores,
      flow,
      userId: config.user.id,
      mayReview: config.role !== "annotator",
      session,
    });
    this.remaining = new RemainingWalk({
      stores,
      viewing,
      propose: (point, signal) => session()?.propose(point, signal) ?? Promise.resolve(null),
      tellNoGaps: () => notices.tell("info", "notice.no.gaps"),
    });
    stores.draft.subscribe(() => this.effort.follow(stores.draft.get()));
  }

  /** Done with the open image: a reviewer accepts it, anybody else submits it. */
  async finishImage(): Promise<void> {
    if (this.ports.stores.review.get()?.kind === "judge") await this.review.decide("accepted", "");
    else await this.ports.flow.submitAndNext();
  }

  /** Call it while the image that is left is still the stores' one. */
  leaveImage(activeMs: number): void {
    const effort = this.effort.take();
    const image = this.ports.stores.image.get();
    if (image) this.report.send(image.id, activeMs, effort);
    this.review.clear();
  }
}

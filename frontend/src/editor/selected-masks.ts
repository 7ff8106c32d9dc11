/** What keys and buttons do to the masks that are selected. */
import type { ImageSession } from "./image-session";
import type { Notices } from "./notices";
import type { Reviewing } from "./reviewing";
import type { Selecting } from "./selecting";
import type { Stores } from "./stores";
import type { Viewing } from "./viewing";

export interface SelectedPorts {
  readonly stores: Stores;
  readonly selecting: Selecting;
  readonly viewing: Viewing;
  readonly reviewing: Reviewing;
  readonly notices: Notices;
  readonly session: () => ImageSession | null;
}

export class SelectedMasks {
  constructor(private readonly ports: SelectedPorts) {}

  /** Delete what is selected; while something is being drawn, that is dropped instead. */
  delete(): void {
    const session = this.ports.session();
    if (session?.document.draft) session.prompting.abandon();
    else session?.commands.delete(this.ids);
  }

  /** Lock all; unlock them when all are locked. */
  toggleLock(): void {
    const session = this.ports.session();
    const isLocked = this.ids.some((id) => session?.document.get(id)?.isLocked === false);
    session?.commands.setLocked(this.ids, isLocked);
  }

  /** Give the selected mask back to the model. */
  refine(): void {
    const record = this.first();
    if (record && !record.isLocked) this.ports.reviewing.refine(record);
    else this.ports.notices.tell("info", "notice.select.one");
  }

  bringNear(): void {
    const record = this.first();
    if (record) this.ports.viewing.showBox(record.bounds);
  }

  /** The label of masks to come, and of those that are selected. */
  applyLabel(labelId: number | null): void {
    const session = this.ports.session();
    this.ports.stores.currentLabel.set(labelId);
    if (!session?.document.draft && this.ids.length > 0) session?.commands.label(this.ids, labelId);
    this.ports.viewing.masksChanged();
  }

  private get ids(): readonly string[] {
    return this.ports.selecting.ids;
  }

  private first() {
    const [id] = this.ids;
    return this.ports.session()?.document.get(id);
  }
}

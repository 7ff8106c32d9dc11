/** What keys and buttons do to the masks that are selected. */
import type { ToolId } from "../../model/view-settings";
import type { Selecting } from "../editing/selecting";
import { refineMask } from "../prompting/refining";
import type { ImageSession } from "../session/image-session";
import type { Notices } from "../state/notices";
import type { Stores } from "../state/stores";
import type { Viewing } from "../viewing/viewing";

export interface SelectedPorts {
  readonly stores: Stores;
  readonly selecting: Selecting;
  readonly viewing: Viewing;
  readonly notices: Notices;
  readonly session: () => ImageSession | null;
  readonly choosePoints: () => void;
}

const PROMPTING: ReadonlySet<ToolId> = new Set(["points", "box"]);

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

  /** Give the one selected mask back to the model, with the points in hand to say what is wrong. */
  refine(): void {
    const { notices, stores, session, choosePoints } = this.ports;
    const record = this.ids.length === 1 ? this.first() : undefined;
    if (session()?.document.draft) notices.tell("info", "notice.refine.draft");
    else if (!record || record.isLocked) notices.tell("info", "notice.select.one");
    else {
      if (!PROMPTING.has(stores.tool.get())) choosePoints();
      const open = session();
      if (open) refineMask(open.prompting, record);
    }
  }

  bringNear(): void {
    const record = this.first();
    if (record) this.ports.viewing.showBox(record.bounds);
  }

  private get ids(): readonly string[] {
    return this.ports.selecting.ids;
  }

  private first() {
    const [id] = this.ids;
    return this.ports.session()?.document.get(id);
  }
}

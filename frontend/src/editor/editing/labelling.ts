/**
 * Which masks a label key means: the selected ones, the one that was just made, else the ones to come. A setting says
 * whether the one just made counts.
 */
import type { MaskDocument } from "../../model/document";
import type { MaskRecord } from "../../model/mask-record";
import type { Stores } from "../state/stores";
import type { MaskCommands } from "./mask-commands";
import type { Selecting } from "./selecting";

export interface LabellingPorts {
  readonly stores: Stores;
  readonly selecting: Pick<Selecting, "ids">;
  readonly viewing: { masksChanged(): void };
  readonly session: () => {
    readonly document: MaskDocument;
    readonly commands: Pick<MaskCommands, "label">;
  } | null;
}

export class Labelling {
  constructor(private readonly ports: LabellingPorts) {
    const { stores } = ports;
    const forget = (): void => stores.justMade.set(null);
    stores.draft.subscribe(() => stores.draft.get() && forget());
    stores.selection.subscribe(() => stores.selection.get().size > 0 && forget());
    stores.image.subscribe(forget);
    stores.masks.subscribe(() => this.made() ?? forget());
  }

  noteMade(record: MaskRecord): void {
    this.ports.stores.justMade.set(record.id);
  }

  /** Name what is meant; masks to come get the label too. */
  apply(labelId: number | null): void {
    const { stores, viewing, session } = this.ports;
    stores.currentLabel.set(labelId);
    session()?.commands.label(this.meant(), labelId);
    viewing.masksChanged();
  }

  private meant(): readonly string[] {
    const { stores, selecting } = this.ports;
    if (stores.draft.get()) return [];
    if (selecting.ids.length > 0) return selecting.ids;
    const made = stores.settings.get().labelKeyNames === "made" ? this.made() : null;
    return made ? [made.id] : [];
  }

  private made(): MaskRecord | null {
    const id = this.ports.stores.justMade.get();
    return (id !== null && this.ports.session()?.document.get(id)) || null;
  }
}

/** Masks that two people changed at once: lists them, and does what the person chooses. */
import type { MaskDocument } from "../../model/document";
import type { MaskRecord } from "../../model/mask-record";
import type { Conflict } from "../../model/workspace";
import { newId } from "../../platform/ids";
import type { MaskCommands } from "../editing/mask-commands";
import type { Saving } from "../saving/saving";
import type { Stores } from "../state/stores";

/** The open image, as far as a conflict is settled in it. */
interface ContestedImage {
  readonly document: MaskDocument;
  readonly commands: Pick<MaskCommands, "commit">;
  readonly saving: Pick<Saving, "settle">;
}

export class Conflicts {
  constructor(
    private readonly stores: Pick<Stores, "conflicts" | "isPanelOpen">,
    private readonly getSession: () => ContestedImage | null,
  ) {}

  add(conflict: Conflict): void {
    this.stores.conflicts.update((all) => [...all.filter((c) => c.annotationId !== conflict.annotationId), conflict]);
    this.stores.isPanelOpen.set(true);
  }

  /** `mine` goes to the server anew, `theirs` replaces it here, `both` keeps mine as a mask of its own. */
  resolve(annotationId: string, choice: "mine" | "theirs" | "both"): void {
    const session = this.getSession();
    const conflict = this.stores.conflicts.get().find((c) => c.annotationId === annotationId);
    if (!session || !conflict) return;
    this.stores.conflicts.update((all) => all.filter((c) => c !== conflict));
    const mine = session.document.get(annotationId) ?? conflict.mine;
    // First the copy, so that a crash between the two leaves one mask too many and never one too few.
    if (choice === "both" && mine) keepCopy(session, mine);
    session.saving.settle(annotationId, conflict.theirs, choice === "mine" ? mine : conflict.theirs);
  }
}

function keepCopy({ document, commands }: ContestedImage, mine: MaskRecord): void {
  const copy = { ...mine, id: newId(), zOrder: document.nextZOrder() };
  commands.commit("duplicate", [{ kind: "mask", id: copy.id, before: null, after: copy }]);
}

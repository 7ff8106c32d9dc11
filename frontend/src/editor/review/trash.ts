/** The masks that were deleted from the open image, and how one is had back. */
import { recordFromRow, type DeletedRow } from "../../api/wire";
import type { WorkspaceApi } from "../../api/workspace-api";
import type { DeletedMask } from "../../model/workspace";
import type { ImageSession } from "../session/image-session";
import { reasonOf, type Notices } from "../state/notices";
import type { Stores } from "../state/stores";

export class Trash {
  private rows: readonly DeletedRow[] = [];

  constructor(
    private readonly api: Pick<WorkspaceApi, "deleted">,
    private readonly stores: Pick<Stores, "deleted">,
    private readonly notices: Notices,
    private readonly getSession: () => ImageSession | null,
  ) {}

  /** Read what is in it; masks that are there again by now are left out. */
  async load(): Promise<void> {
    const session = this.getSession();
    this.stores.deleted.set(null);
    if (!session) return;
    try {
      const rows = await this.api.deleted(session.detail.id);
      if (session !== this.getSession()) return;
      this.rows = rows.filter(({ id }) => !session.document.get(id));
      this.stores.deleted.set(this.rows.map(maskFrom));
    } catch (error) {
      this.notices.tell("error", "notice.trash.failed", reasonOf(error));
    }
  }

  /** Bring a deleted mask back as it was; undo deletes it again. */
  restore(id: string): void {
    const session = this.getSession();
    const row = this.rows.find((one) => one.id === id);
    if (!session || !row || session.document.get(id)) return;
    const after = session.saving.noteDeleted(row);
    session.commands.commit("restoreDeleted", [{ kind: "mask", id, before: null, after }]);
    this.rows = this.rows.filter((one) => one !== row);
    this.stores.deleted.set(this.rows.map(maskFrom));
  }
}

function maskFrom(row: DeletedRow): DeletedMask {
  return { record: recordFromRow(row), byName: row.deleted_by?.name ?? "", deletedAt: row.deleted_at ?? "" };
}

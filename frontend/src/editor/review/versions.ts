/** The earlier versions of a mask, and how one is had back. */
import { recordFromRow, type AnnotationRow } from "../../api/wire";
import type { RevisionRow, WorkspaceApi } from "../../api/workspace-api";
import { withMask, type MaskRecord } from "../../model/mask-record";
import type { MaskVersion } from "../../model/workspace";
import type { ImageSession } from "../session/image-session";
import { reasonOf, type Notices } from "../state/notices";
import type { Stores } from "../state/stores";

export class Versions {
  constructor(
    private readonly api: Pick<WorkspaceApi, "revisions">,
    private readonly stores: Pick<Stores, "versions">,
    private readonly notices: Pick<Notices, "tell">,
    private readonly getSession: () => ImageSession | null,
  ) {}

  async load(id: string): Promise<void> {
    this.stores.versions.set(null);
    try {
      const rows = await this.api.revisions(id);
      const current = this.getSession()?.document.get(id) ?? null;
      this.stores.versions.set(rows.map((row) => versionFrom(row, current)).reverse());
    } catch (error) {
      this.notices.tell("error", "notice.versions.failed", reasonOf(error));
    }
  }

  restore(version: MaskVersion): void {
    const session = this.getSession();
    const before = version.record && session?.document.get(version.record.id);
    if (!session || !version.record || !before) return;
    const { labelId, provenance, predictedIou, stabilityScore, mask } = version.record;
    const after = withMask({ ...before, labelId, provenance, predictedIou, stabilityScore }, mask);
    session.commands.commit("restoreVersion", [{ kind: "mask", id: before.id, before, after }]);
  }
}

/** A snapshot lacks what never changes; the current record lends it. */
function versionFrom(row: RevisionRow, current: MaskRecord | null): MaskVersion {
  const { counts } = row.snapshot;
  const { size } = current?.mask ?? {};
  const base = {
    id: current?.id ?? "",
    size: size ? [size.height, size.width] : [0, 0],
    author: row.author,
    created_at: row.created_at,
  };
  const record =
    size && typeof counts === "string" ? recordFromRow({ ...row.snapshot, ...base } as unknown as AnnotationRow) : null;
  return {
    revision: row.revision,
    action: row.action,
    authorName: row.author?.name ?? "",
    createdAt: row.created_at,
    record,
  };
}

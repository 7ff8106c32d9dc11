/** The masks that were deleted from the open image, latest first, as pictures; each can be brought back. */
import type { JSX } from "preact";

import type { DeletedMask } from "../model/workspace";
import { useStore, useSurroundings } from "./hooks";
import { MaskPicture } from "./mask-picture";

const PICTURE_PX = 72;

export function Trash(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const deleted = useStore(workspace.deleted);
  if (deleted === null) return <p role="status">{translator.t("trash.loading")}</p>;
  if (deleted.length === 0) return <p>{translator.t("trash.empty")}</p>;
  return (
    <ol class="versions">
      {deleted.map((mask) => (
        <Deleted key={mask.record.id} mask={mask} />
      ))}
    </ol>
  );
}

function Deleted({ mask }: { readonly mask: DeletedMask }): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const { record, byName, deletedAt } = mask;
  const label = workspace.labels.find(({ id }) => id === record.labelId);
  const when = new Intl.DateTimeFormat(translator.locale, { dateStyle: "medium", timeStyle: "short" });
  return (
    <li>
      <MaskPicture record={record} side={PICTURE_PX} class="version" />
      <span>
        {t("trash.by", { name: byName || t("conflict.somebody") })}
        <small>{when.format(new Date(deletedAt))}</small>
        <small>
          {label?.name ?? t("masks.unlabelled")} · {t("masks.area", { area: translator.number(record.area) })}
        </small>
      </span>
      <button type="button" class="button" onClick={() => workspace.restoreDeleted(record.id)}>
        {t("trash.restore")}
      </button>
    </li>
  );
}

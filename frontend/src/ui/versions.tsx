/** Every state that a mask has had, newest first, as pictures; each can be brought back. */
import type { JSX } from "preact";

import type { BoxXyxy } from "../geometry/types";
import type { MaskVersion } from "../model/workspace";
import { useStore, useSurroundings } from "./hooks";
import { MaskPicture } from "./mask-picture";

const PICTURE_PX = 72;

export function Versions(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const versions = useStore(workspace.versions);
  if (versions === null) return <p role="status">{translator.t("versions.loading")}</p>;
  const window = boundsOf(versions);
  return (
    <ol class="versions">
      {versions.map((version, at) => (
        <Version key={version.revision} version={version} window={window} isNow={at === 0} />
      ))}
    </ol>
  );
}

function Version(props: {
  readonly version: MaskVersion;
  readonly window: BoxXyxy | null;
  readonly isNow: boolean;
}): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const { version, window } = props;
  const { record } = version;
  const label = workspace.labels.find(({ id }) => id === record?.labelId);
  const action = translator.dynamic(`versions.action.${version.action}`);
  const when = new Intl.DateTimeFormat(translator.locale, { dateStyle: "medium", timeStyle: "short" });
  return (
    <li>
      {record && window && <MaskPicture record={{ ...record, bounds: window }} side={PICTURE_PX} class="version" />}
      <span>
        {t("versions.by", { action, author: version.authorName || t("conflict.somebody") })}
        <small>{when.format(new Date(version.createdAt))}</small>
        {record && (
          <small>
            {label?.name ?? t("masks.unlabelled")} · {t("masks.area", { area: translator.number(record.area) })}
          </small>
        )}
      </span>
      {props.isNow ? (
        <span class="count">{t("versions.now")}</span>
      ) : (
        <button
          type="button"
          class="button"
          disabled={record === null}
          onClick={() => {
            workspace.restoreVersion(version);
            workspace.dialog.set(null);
          }}
        >
          {t("versions.restore")}
        </button>
      )}
    </li>
  );
}

/** The part of the photo that holds all versions, so that their pictures can be compared. */
function boundsOf(versions: readonly MaskVersion[]): BoxXyxy | null {
  const boxes = versions.flatMap(({ record }) => record?.bounds ?? []);
  if (boxes.length === 0) return null;
  return boxes.reduce((all, box) => ({
    x0: Math.min(all.x0, box.x0),
    y0: Math.min(all.y0, box.y0),
    x1: Math.max(all.x1, box.x1),
    y1: Math.max(all.y1, box.y1),
  }));
}

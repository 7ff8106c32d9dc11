/** Masks that two people changed at once: both side by side, and the choice between them. */
import type { JSX } from "preact";

import { surroundBoxes } from "../geometry/boxes";
import type { MessageKey } from "../i18n/messages-en";
import type { MaskRecord } from "../model/mask-record";
import type { Conflict } from "../model/workspace";
import { useStore, useSurroundings } from "./hooks";
import { MaskPicture } from "./mask-picture";

const PICTURE_PX = 112;
type Choice = "mine" | "theirs" | "both";

export function Conflicts(): JSX.Element | null {
  const { workspace } = useSurroundings();
  const conflicts = useStore(workspace.conflicts);
  if (conflicts.length === 0) return null;
  return (
    <div class="conflicts">
      {conflicts.map((conflict) => (
        <ConflictCard key={conflict.annotationId} conflict={conflict} />
      ))}
    </div>
  );
}

function ConflictCard({ conflict }: { readonly conflict: Conflict }): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const masks = useStore(workspace.masks);
  const name = conflict.theirName || t("conflict.somebody");
  const mine = masks.find(({ id }) => id === conflict.annotationId) ?? conflict.mine;
  const title = conflict.theirs ? "conflict.title" : "conflict.deleted";
  return (
    <section class="conflict" role="alert" aria-label={t(title, { name })}>
      <p>{t(title, { name })}</p>
      <div class="conflict-sides">
        <Side name={t("conflict.yours")} record={mine} other={conflict.theirs} />
        <Side name={name} record={conflict.theirs} other={mine} />
      </div>
      <div class="buttons">
        {choicesFor(mine, conflict.theirs).map(([choice, key]) => (
          <button
            key={choice}
            type="button"
            class="button"
            onClick={() => workspace.resolveConflict(conflict.annotationId, choice)}
          >
            {t(key)}
          </button>
        ))}
      </div>
      <p class="quiet">{t("conflict.kept")}</p>
    </section>
  );
}

/** A mask that they deleted can only be kept as a mask of its own. */
function choicesFor(mine: MaskRecord | null, theirs: MaskRecord | null): readonly (readonly [Choice, MessageKey])[] {
  if (!theirs) return [["both", "conflict.mine"], ["theirs", "conflict.delete"]]; // prettier-ignore
  if (!mine) return [["theirs", "conflict.theirs"], ["mine", "conflict.delete"]]; // prettier-ignore
  return [["mine", "conflict.mine"], ["theirs", "conflict.theirs"], ["both", "conflict.both"]]; // prettier-ignore
}

/** One version; both sides show the same part of the photo, so that they can be compared. */
function Side(props: {
  readonly name: string;
  readonly record: MaskRecord | null;
  readonly other: MaskRecord | null;
}): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const { record, other } = props;
  const label = workspace.labels.find(({ id }) => id === record?.labelId);
  return (
    <figure>
      {record ? (
        <MaskPicture record={withBoundsOf(record, other)} side={PICTURE_PX} class="conflict-picture" />
      ) : (
        <span class="conflict-picture empty">{t("conflict.gone")}</span>
      )}
      <figcaption>
        <b>{props.name}</b>
        {record && (
          <small>
            {label?.name ?? t("masks.unlabelled")} · {t("masks.area", { area: translator.number(record.area) })}
          </small>
        )}
      </figcaption>
    </figure>
  );
}

function withBoundsOf(record: MaskRecord, other: MaskRecord | null): MaskRecord {
  if (!other) return record;
  return { ...record, bounds: surroundBoxes(record.bounds, other.bounds) };
}

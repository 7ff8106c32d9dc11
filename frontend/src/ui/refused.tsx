/** Masks that the server refused: what, why, and what the person can do about each. */
import type { JSX } from "preact";

import type { RefusedMask } from "../model/workspace";
import { useStore, useSurroundings } from "./hooks";
import { MaskPicture } from "./mask-picture";
import { reasonText } from "./reasons";

const PICTURE_PX = 96;

export function Refused(): JSX.Element | null {
  const { workspace } = useSurroundings();
  const { refused } = useStore(workspace.save);
  if (refused.length === 0) return null;
  return (
    <div class="conflicts">
      {refused.map((mask) => (
        <RefusedCard key={mask.annotationId} mask={mask} />
      ))}
    </div>
  );
}

function RefusedCard({ mask }: { readonly mask: RefusedMask }): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const image = useStore(workspace.image);
  const record = useStore(workspace.masks).find(({ id }) => id === mask.annotationId);
  const isHere = mask.imageId === image?.id;
  const settle = (choice: "retry" | "override" | "keep" | "drop") => () =>
    workspace.settleRefused(mask.annotationId, choice);
  return (
    <section class="conflict refused" role="alert" aria-label={t("refused.title")}>
      {record && <MaskPicture record={record} side={PICTURE_PX} class="conflict-picture" />}
      <div>
        <h3>{t("refused.title")}</h3>
        <p>
          {translator.dynamic(`refused.${mask.operation}`)} {!isHere && t("refused.elsewhere")}
        </p>
        <p class="quiet">{t("refused.why", { reason: reasonText(translator, mask.code, mask.message) })}</p>
      </div>
      <div class="buttons">
        {!isHere && (
          <button type="button" class="button" onClick={() => workspace.openImage(mask.imageId)}>
            {t("refused.open")}
          </button>
        )}
        <button type="button" class="button" data-choice="retry" onClick={settle("retry")}>
          {t("refused.retry")}
        </button>
        {workspace.mayOverride && mask.isOverridable && (
          <button type="button" class="button" title={t("refused.override.title")} onClick={settle("override")}>
            {t("refused.override")}
          </button>
        )}
        <button type="button" class="button" onClick={settle("keep")}>
          {t("refused.keep")}
        </button>
        <button type="button" class="button" onClick={settle("drop")}>
          {t("refused.drop")}
        </button>
      </div>
    </section>
  );
}

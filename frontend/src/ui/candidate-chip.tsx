/** The chip beside the draft: which reading of the click is shown, how sure the model is, and the others. */
import type { JSX } from "preact";

import { maskBounds } from "../geometry/column-mask";
import { toScreen } from "../geometry/viewport";
import { walkableCandidates, type Draft } from "../model/draft";
import { scoreText } from "../model/mask-record";
import { Icon } from "./icons";
import { useStore, useSurroundings } from "./hooks";

/** About how wide the chip is with candidates and without. */
const WIDE_PX = 340;
const NARROW_PX = 70;
const CHIP_HEIGHT = 34;

export function CandidateChip(): JSX.Element | null {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const draft = useStore(workspace.draft);
  const isDecoding = useStore(workspace.isDecoding);
  const isLooking = useStore(workspace.isLooking);
  const view = useStore(workspace.view);
  if (!draft) return null;
  const place = placeOf(draft, view);
  const walk = walkableCandidates(draft);
  const chosen = draft.candidates.at(draft.chosen);
  return (
    <div
      class="chip"
      role="group"
      aria-label={t("candidate.title")}
      aria-busy={isDecoding}
      style={{ transform: `translate(${place.x}px, ${place.y}px) translateX(-50%)` }}
    >
      {chosen && chosen.index === 0 && (
        <span class="chip-now">
          {t("candidate.chip", { level: t("candidate.level.0"), score: scoreText(chosen.predictedIou) })}
        </span>
      )}
      {walk.map((candidate) => (
        <button
          key={candidate.index}
          type="button"
          class="chip-choice"
          aria-pressed={candidate === chosen}
          onClick={() => workspace.chooseCandidate(draft.candidates.indexOf(candidate))}
        >
          {t("candidate.chip", {
            level: translator.dynamic(`candidate.level.${candidate.index}`),
            score: scoreText(candidate.predictedIou),
          })}
        </button>
      ))}
      {isLooking && (
        <span class="chip-looking" role="img" aria-label={t("candidate.looking")} title={t("candidate.looking")} />
      )}
      {walk.length === 0 && isDecoding && <span class="chip-now">{t("candidate.working")}</span>}
      <button
        type="button"
        class="chip-icon"
        aria-label={t("action.accept")}
        title={t("action.accept")}
        onClick={() => workspace.perform("accept")}
      >
        <Icon name="check" />
      </button>
      <button
        type="button"
        class="chip-icon"
        aria-label={t("action.abandon")}
        title={t("action.abandon")}
        onClick={() => workspace.perform("abandon")}
      >
        <Icon name="close" />
      </button>
    </div>
  );
}

/** Below the mask, or above it where there is no room; never off the canvas. */
function placeOf(draft: Draft, view: Parameters<typeof toScreen>[0]): { x: number; y: number } {
  const bounds = draft.mask && maskBounds(draft.mask);
  const prompt = draft.prompts.at(-1);
  const point = prompt?.kind === "point" ? prompt.point : { x: prompt?.box.x1 ?? 0, y: prompt?.box.y1 ?? 0 };
  const low = toScreen(view, bounds ? { x: (bounds.x0 + bounds.x1) / 2, y: bounds.y1 } : point);
  const high = toScreen(view, bounds ? { x: 0, y: bounds.y0 } : point);
  const fitsBelow = low.y + 12 + CHIP_HEIGHT < view.canvas.height;
  const half = (draft.candidates.length > 0 ? WIDE_PX : NARROW_PX) / 2 + 8;
  const y = fitsBelow ? low.y + 12 : high.y - 12 - CHIP_HEIGHT;
  return {
    x: Math.round(clamp(low.x, half, view.canvas.width - half)),
    y: Math.round(clamp(y, 8, view.canvas.height - CHIP_HEIGHT - 8)),
  };
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), Math.max(high, low));
}

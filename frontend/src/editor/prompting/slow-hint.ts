/**
 * The paper's advice to annotators: after 30 s on one mask, accept it or move on. Counted from the mask's first prompt
 * or stroke, because finding the next object is no time spent on it. Knows nothing of how the advice is shown.
 */
import type { Stores } from "../state/stores";

export const SLOW_AFTER_MS = 30_000;

type HintStores = Pick<Stores, "draft" | "settings" | "isSlow">;

/** Keep `isSlow` right for as long as the page lives. */
export function watchForSlowMasks({ draft, settings, isSlow }: HintStores): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isLate = false;
  const show = (): void => isSlow.set(isLate && settings.get().isTimerHintOn);
  const follow = (): void => {
    if (draft.get() === null) {
      clearTimeout(timer);
      timer = undefined;
      isLate = false;
    } else
      timer ??= setTimeout(() => {
        isLate = true;
        show();
      }, SLOW_AFTER_MS);
    show();
  };
  draft.subscribe(follow);
  settings.subscribe(show);
}

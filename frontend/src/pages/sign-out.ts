/** Signing out waits until all is saved; what cannot be is said, and the person decides. */
import type { Outbox } from "../api/outbox";
import { inTime } from "../api/sending-times";
import type { Translator } from "../i18n/translate";
import { forgetWords, pendingMasks } from "./banner";

const WAIT_MS = 10_000;

export function waitBeforeSignOut(outbox: Outbox, { t }: Translator, place: HTMLElement): void {
  const form = document.querySelector<HTMLFormElement>("form[data-sign-out]");
  const finish = async (): Promise<void> => {
    await inTime(outbox.settle(), WAIT_MS);
    const pending = pendingMasks(outbox.report);
    forgetWords(place);
    if (pending > 0 && !confirm(t("pages.leaving.anyway", { pending }))) {
      void outbox.flush(); // its report says again what is not saved
      return;
    }
    outbox.close();
    form?.submit();
  };
  form?.addEventListener("submit", (event) => {
    if (outbox.report.operations === 0) return;
    event.preventDefault();
    place.hidden = false;
    place.textContent = t("pages.leaving");
    void finish();
  });
}

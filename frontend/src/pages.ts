/**
 * On every server-rendered page of a signed-in person: sends what the workspace has left in this browser, says how much
 * is not saved yet, and waits with signing out.
 */
import { makeHttpClient } from "./api/http";
import { openJournal } from "./api/journal";
import { Outbox } from "./api/outbox";
import { keepSending } from "./api/sending-times";
import { loadMessages, localeOf, Translator } from "./i18n/translate";
import { showUnsaved } from "./pages/banner";
import { waitBeforeSignOut } from "./pages/sign-out";
import { newId } from "./platform/ids";

async function start(place: HTMLElement): Promise<void> {
  const userId = Number(place.dataset["user"]);
  const http = makeHttpClient("/api/v1", "", { userId, tab: newId() });
  const locale = localeOf(document.documentElement.lang);
  const [journal, messages] = await Promise.all([openJournal(userId), loadMessages(locale)]);
  const translator = new Translator(locale, messages);
  const outbox: Outbox = new Outbox({
    userId,
    http,
    journal,
    onReport: (report) => showUnsaved({ place, http, translator, report }),
  });
  keepSending(outbox);
  waitBeforeSignOut(outbox, translator, place);
  await outbox.start();
}

const place = document.querySelector<HTMLElement>("#unsaved");
if (place) void start(place);

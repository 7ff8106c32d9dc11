/** Notices, first tips, and what screen readers are told as things happen. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

import type { Translator } from "../i18n/translate";
import type { Notice } from "../model/workspace";
import { localTexts } from "../platform/small-storage";
import { Icon } from "./icons";
import { useStore, useSurroundings, useWording } from "./hooks";
import { reasonText } from "./reasons";

export function Notices(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const notices = useStore(workspace.notices);
  const wording = useWording();
  return (
    <div class="notices" aria-live="polite">
      {notices.map(({ id, tone, key, params, action }) => (
        <div key={id} class={`notice notice-${tone}`} role={tone === "error" ? "alert" : "status"}>
          <span>{wording(key, { ...params, ...translatedReason(translator, params) })}</span>
          {action && (
            <button type="button" class="button" onClick={() => action.run()}>
              {translator.dynamic(action.key)}
            </button>
          )}
          <button
            type="button"
            class="chip-icon"
            aria-label={t("action.dismiss")}
            onClick={() => workspace.dismiss(id)}
          >
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}

/** The reason in the person's language, where its code has words there; else as the server said it. */
function translatedReason(translator: Translator, params: Notice["params"]): { readonly reason?: string } {
  const reason = reasonText(translator, String(params["code"] ?? ""), "");
  return reason === "" ? {} : { reason };
}

/** The announcement is `key|value|time`; the time makes the same words be read again. */
export function Announcer(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const announcement = useStore(workspace.announcement);
  const [key = "", value = ""] = announcement.split("|");
  const entry = translator.dynamic(`entry.${value}`);
  const text = key === "" ? "" : translator.dynamic(key, { value: entry === `entry.${value}` ? value : entry });
  return (
    <div class="visually-hidden" role="status" aria-live="polite" aria-atomic="true">
      {text}
    </div>
  );
}

const TIPS_KEY = "maskwright-tips-seen";

export function Tips(): JSX.Element | null {
  const { translator } = useSurroundings();
  const { t } = translator;
  const wording = useWording();
  const [isSeen, setSeen] = useState(() => localTexts.getItem(TIPS_KEY) !== null);
  useEffect(() => {
    if (isSeen) localTexts.setItem(TIPS_KEY, "1");
  }, [isSeen]);
  if (isSeen) return null;
  return (
    <aside class="tips" aria-label={t("tips.title")}>
      <p>{wording("tips.one")}</p>
      <p>{wording("tips.two")}</p>
      <p>{wording("tips.three")}</p>
      <button type="button" class="button" onClick={() => setSeen(true)}>
        {t("tips.dismiss")}
      </button>
    </aside>
  );
}

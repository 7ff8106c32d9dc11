/** The strip below the header that says what is not saved yet: how many masks, of which images, and why. */
import type { HttpClient } from "../api/http";
import type { SaveReport } from "../api/save-report";
import type { Translator } from "../i18n/translate";
import type { ImageDetail } from "../wire/openapi";

export interface BannerParts {
  readonly place: HTMLElement;
  readonly http: HttpClient;
  readonly translator: Translator;
  readonly report: SaveReport;
}

/** What is sent within this time needs no words. */
const PATIENCE_MS = 300;
/** More links than that are no help. */
const MOST_LINKS = 5;
/** Images by id, asked for once. */
const images = new Map<number, Promise<Pick<ImageDetail, "name" | "project_id">>>();
let timer: ReturnType<typeof setTimeout> | undefined;

export function pendingMasks(report: SaveReport): number {
  return [...report.masks.values()].reduce((sum, count) => sum + count, 0);
}

/** Show the strip for a report, or take it away where all is saved. */
export function showUnsaved(parts: BannerParts): void {
  clearTimeout(timer);
  const { place, report } = parts;
  if (report.operations === 0) {
    place.hidden = true;
    forgetWords(place);
  } else if (report.status !== "saving" || !place.hidden) fill(parts);
  else timer = setTimeout(() => fill(parts), PATIENCE_MS);
}

/** The strip is empty, or holds something else: the next report fills it anew. */
export function forgetWords(place: HTMLElement): void {
  delete place.dataset["words"];
  delete place.dataset["saveState"];
}

function fill({ place, translator, http, report }: BannerParts): void {
  const { t } = translator;
  const pending = pendingMasks(report);
  const count = pending === 1 ? t("pages.unsaved.one") : t("pages.unsaved.many", { pending });
  const text = `${count} · ${t(report.isKept ? `save.${report.status}` : "save.unkept", { pending })}`;
  const ids = [...report.masks.keys()].slice(0, MOST_LINKS);
  const key = `${text} ${ids.join()}`;
  if (key === place.dataset["words"]) return;
  place.dataset["words"] = key;
  place.dataset["saveState"] = report.status;
  place.replaceChildren(text, ...ids.map((id) => linkTo(http, id)));
  if (report.status === "signed-out") place.append(signIn(t("pages.sign.in")));
  place.hidden = false;
}

/** A link to an image; it is empty until the server has said what the image is called. */
function linkTo(http: HttpClient, id: number): HTMLAnchorElement {
  const link = document.createElement("a");
  const asked = images.get(id) ?? http.get<ImageDetail>(`/images/${id}`);
  images.set(id, asked);
  asked.then(
    ({ name, project_id: project }) => {
      link.href = `/projects/${project}/images/${id}/`;
      link.textContent = name;
    },
    () => images.delete(id), // no line or no access: the count says enough
  );
  return link;
}

function signIn(text: string): HTMLAnchorElement {
  const link = document.createElement("a");
  link.className = "button";
  link.href = `/login/?next=${encodeURIComponent(location.pathname)}`;
  link.textContent = text;
  return link;
}

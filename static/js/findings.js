/** What the check before an export found, each finding with links to the masks. */

import { count } from "./follow-job.js";
import { gettext, ngettext } from "./words.js";

const SHOWN = 12;

/** Fill the section with the report of a check. */
export function showFindings(section, report) {
  const heading = make("h2", report.findings.length === 0 ? gettext("Nothing to stumble over") : gettext("What the check found"));
  const masks = ngettext("%(n)s mask", "%(n)s masks", report.masks);
  const images = ngettext("%(n)s image", "%(n)s images", report.images);
  const looked = gettext(
    "%(masks)s on %(images)s looked at. Nothing was changed; an export leaves out only what is empty or broken, and names it.",
    { masks, images },
  );
  const words = make("p", looked);
  words.className = "hint";
  section.replaceChildren(heading, words, ...report.findings.map(finding));
  section.hidden = false;
  section.scrollIntoView({ block: "nearest" });
}

function finding({ check, message, count: found, examples }) {
  const row = document.createElement("div");
  row.className = "finding";
  row.dataset.check = check;
  const line = document.createElement("p");
  line.append(make("b", count(found)), ` × ${message}`);
  const list = document.createElement("ul");
  for (const example of examples.slice(0, SHOWN)) list.append(link(example));
  if (found > SHOWN) list.append(make("li", gettext("and %(n)s more", { n: count(found - Math.min(SHOWN, examples.length)) })));
  row.append(line, list);
  return row;
}

function link({ url, image, area, iou }) {
  const anchor = make("a", image);
  anchor.href = url;
  const item = document.createElement("li");
  item.append(anchor);
  if (area !== undefined) item.append(` ${area} px`);
  if (iou !== undefined) item.append(` IoU ${iou}`);
  return item;
}

function make(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

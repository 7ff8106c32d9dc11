/** Improve: follow a run, its progress and its curves; pause, resume and cancel it. */

import { callApi } from "./http.js";
import { act, isOver, showActions } from "./job-actions.js";
import { listenToProject } from "./live.js";
import { axisLook, color, keepDrawn } from "./plots.js";
import { enableScripted } from "./scripted.js";
import { gettext } from "./words.js";

const POLL_MS = 2000;
const HEIGHT_PX = 180;
const PHASES = {
  freeze: gettext("Freezing the masks"),
  photos: gettext("Gathering the photos"),
  prepare: gettext("Preparing"),
  before: gettext("Measuring the model in use"),
  train: gettext("Learning"),
  average: gettext("Mixing new and old weights"),
  compare: gettext("Comparing"),
  register: gettext("Exporting for browsers"),
};
const WAITING = { pending: gettext("Waiting for a process to train in"), paused: gettext("Paused") };

const panel = document.querySelector("[data-improvement]");
let report = panel ? JSON.parse(document.querySelector("#improvement-report")?.textContent ?? "null") : null;
let plots = [];

function wordsOf(job) {
  if (WAITING[job.status]) return WAITING[job.status];
  const percent = Math.round((100 * job.done) / Math.max(job.total, 1));
  return gettext("%(phase)s, %(percent)s %%", { phase: PHASES[job.report.phase] ?? PHASES.prepare, percent });
}

function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

/** Show how far a job is; where its state is another, the server shows all of it anew. */
function show(job) {
  if (job.status !== panel.dataset.status && (isOver(job.status) || isOver(panel.dataset.status))) {
    location.reload();
    return;
  }
  panel.dataset.status = job.status;
  const bar = panel.querySelector("progress");
  if (bar) {
    bar.max = Math.max(job.total, 1);
    bar.value = job.done;
  }
  setText(panel.querySelector("[data-words]"), wordsOf(job));
  showActions(panel);
  const points = (one) => (one?.loss?.length ?? 0) + (one?.held_out?.length ?? 0);
  const isNew = points(job.report) !== points(report) || job.report.seconds !== report?.seconds;
  report = job.report;
  if (isNew) draw();
}

function axes() {
  const common = axisLook();
  return [{ ...common, label: gettext("minutes"), labelSize: 20 }, { ...common, size: 56 }];
}

function line(label, stroke, extra = {}) {
  return { label, stroke, width: 2, points: { show: false }, spanGaps: true, ...extra };
}

const CURVES = {
  held_out: () => [
    line(gettext("1 click"), color("accent")),
    line(gettext("3 clicks"), color("good"), { dash: [8, 3] }),
    line(gettext("5 clicks"), color("warn"), { dash: [2, 3] }),
  ],
  loss: () => [line(gettext("loss"), color("accent"))],
};

function draw() {
  for (const plot of plots) plot.destroy();
  plots = [];
  const holders = [...panel.querySelectorAll("[data-chart]")];
  const isDrawn = Boolean(window.uPlot) && holders.some((holder) => (report?.[holder.dataset.chart] ?? []).length > 0);
  const grid = panel.querySelector("[data-charts]");
  if (grid) grid.hidden = !isDrawn;
  if (isDrawn) holders.forEach(drawOne);
}

function drawOne(holder) {
  const rows = report[holder.dataset.chart] ?? [];
  holder.closest("figure").hidden = rows.length === 0;
  if (rows.length === 0) return;
  const columns = rows[0].map((_value, at) => rows.map((row) => (at === 0 ? row[0] / 60 : row[at])));
  const series = [{ label: gettext("minutes") }, ...CURVES[holder.dataset.chart]()];
  if (rows.length === 1) for (const one of series.slice(1)) one.points = { show: true, size: 7 };
  const y = holder.dataset.chart === "held_out" ? { range: [0, 1] } : {};
  const options = { width: holder.clientWidth, height: HEIGHT_PX, scales: { x: { time: false }, y }, axes: axes(), series };
  plots.push(new window.uPlot(options, columns, holder));
}

async function press(button) {
  const place = panel.querySelector("[data-error]");
  place.hidden = true;
  try {
    show(await act(button, panel.dataset.job));
  } catch (error) {
    place.textContent = error.message;
    place.hidden = false;
  }
}

async function update() {
  try {
    const { job } = await callApi(`/api/v1/improvements/${panel.dataset.improvement}`);
    if (job) show(job);
  } catch {
    // The next look tries again; what is shown stays true as of its time.
  }
}

function follow() {
  let timer = 0;
  const soon = (ms) => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      if (!isOver(panel.dataset.status)) await update();
      soon(POLL_MS);
    }, ms);
  };
  listenToProject(panel.dataset.socket, (hint) => hint.type === "job.progress" && String(hint.job_id) === panel.dataset.job && soon(200), () => {});
  soon(200);
}

if (panel) {
  panel.addEventListener("click", (event) => {
    const button = event.target.closest("[data-act]");
    if (button) press(button);
  });
  showActions(panel);
  keepDrawn(draw);
  follow();
}
enableScripted();

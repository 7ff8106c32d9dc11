/** Charts of the dashboard, drawn by uPlot from the figures in the page; colours follow the theme. */

import { axisLook, color, keepDrawn } from "./plots.js";
import { spreadWeeks, weekTicks, weekWords } from "./weeks.js";
import { gettext } from "./words.js";

const figures = JSON.parse(document.querySelector("#dashboard-figures").textContent);
const HEIGHT_PX = 220;
const PAPER_DASH = [6, 4];
const SCORE_ROOM = 4;
const weeks = spreadWeeks(figures.by_week);
let plots = [];

function axes(yLabel, xAxis) {
  const common = axisLook();
  return [
    { ...common, ...xAxis },
    { ...common, label: yLabel, labelSize: 20, size: 64 },
  ];
}

function line(label, stroke, extra = {}) {
  return { label, stroke, width: 2, points: { show: true, size: 7, fill: stroke }, spanGaps: true, ...extra };
}

/** A line of the paper; `unit` writes its value with the unit. */
function paperLine(value, unit) {
  return { label: gettext("paper %(figure)s", { figure: unit(value) }), stroke: color("line-strong"), width: 1.5, dash: PAPER_DASH, points: { show: false }, class: "paper" };
}

function weekly(columns, series, yLabel) {
  const xAxis = { splits: () => weekTicks(weeks.seconds), values: (_plot, ticks) => weekWords(ticks) };
  return {
    data: [weeks.seconds, ...columns],
    series,
    axes: axes(yLabel, xAxis),
    hasData: columns.some((column) => column.some((value) => value != null)),
  };
}

function column(name) {
  return weeks.rows.map((row) => (row ? row[name] : null));
}

function constant(value) {
  return weeks.seconds.map(() => value);
}

const seconds = (value) => gettext("%(n)s s", { n: value });
const masks = (value) => gettext("%(n)s masks", { n: value });

const CHARTS = {
  seconds() {
    const paper = figures.paper.seconds_per_mask;
    const own = column("seconds_per_mask");
    const chart = weekly([own], [line(gettext("s a mask"), color("accent")), ...paper.map((value) => paperLine(value, seconds))], gettext("seconds"));
    chart.data.push(...paper.map(constant));
    return chart;
  },
  masks() {
    const paper = figures.paper.masks_per_image;
    const own = column("masks_per_image");
    const chart = weekly([own], [line(gettext("masks an image"), color("accent")), ...paper.map((value) => paperLine(value, masks))], gettext("masks"));
    chart.data.push(...paper.map(constant));
    return chart;
  },
  throughput() {
    // Tens of masks an image: each has an axis of its own.
    const series = [line(gettext("masks"), color("accent")), line(gettext("images"), color("good"), { dash: [2, 3], scale: "images" })];
    const chart = weekly([column("masks"), column("images")], series, gettext("masks a week"));
    const right = { ...chart.axes[1], label: gettext("images a week"), scale: "images", side: 1, grid: { show: false } };
    return { ...chart, axes: [...chart.axes, right], hasSecondScale: true };
  },
  acceptance() {
    const rows = figures.acceptance;
    const rates = rows.map((row) => (row.rate == null ? null : row.rate * 100));
    return {
      data: [rows.map((row) => row.score_percent), rates],
      series: [line(gettext("accepted, %%"), color("accent"))],
      axes: axes(gettext("accepted, %%"), { label: gettext("predicted IoU, %%"), labelSize: 20 }),
      scoreRange: [Math.max(Math.min(...rows.map((row) => row.score_percent)) - SCORE_ROOM, 0), 100],
      hasData: rates.some((value) => value != null),
    };
  },
};

/** More room above, so that the second curve does not lie on the first. */
function fromZeroHigher(_plot, _min, max) {
  return [0, Math.max(max * 1.5, 1)];
}

function fromZero(_plot, _min, max) {
  return [0, Math.max(max * 1.1, 1)];
}

function draw() {
  for (const plot of plots) plot.destroy();
  plots = [];
  for (const holder of document.querySelectorAll("[data-chart]")) {
    const chart = CHARTS[holder.dataset.chart]();
    holder.nextElementSibling.hidden = chart.hasData;
    holder.hidden = !chart.hasData;
    if (!chart.hasData) continue;
    const x = chart.scoreRange ? { label: gettext("predicted IoU, %%") } : { label: gettext("week of"), value: "{YYYY}-{MM}-{DD}" };
    const options = {
      width: holder.clientWidth,
      height: HEIGHT_PX,
      tzDate: (seconds) => window.uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      scales: {
        x: chart.scoreRange ? { time: false, range: chart.scoreRange } : { time: true },
        y: { range: chart.scoreRange ? [0, 100] : fromZero },
        ...(chart.hasSecondScale ? { images: { range: fromZeroHigher } } : {}),
      },
      axes: chart.axes,
      series: [x, ...chart.series],
    };
    plots.push(new window.uPlot(options, chart.data, holder));
  }
}

keepDrawn(draw);

/** What all charts share: colours of the theme, lines, and drawing anew when theme or width change. */

const RESIZED_MS = 150;

/** Return a colour of the theme. */
export function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Return how axes look. */
export function axisLook() {
  return { stroke: color("text-2"), grid: { stroke: color("line"), width: 1 }, ticks: { stroke: color("line") } };
}

/** Draw now, and again whenever the theme or the width of the page is another. */
export function keepDrawn(draw) {
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  let timer = 0;
  addEventListener("resize", () => {
    clearTimeout(timer);
    timer = setTimeout(draw, RESIZED_MS);
  });
}

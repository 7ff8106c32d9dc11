/** The photo's uncovered parts as a heat map: the farther from every mask, the hotter. */
import type { Coverage } from "../geometry/coverage";

/** From a seam's amber to the red of the widest gap. */
const COOL = [255, 190, 80] as const;
const HOT = [240, 60, 40] as const;
const LEAST_ALPHA = 0.25;
const MOST_ALPHA = 0.72;

const pictures = new WeakMap<Coverage, HTMLCanvasElement>();

/** Draw on a context that is in image space; the picture is made once for each measurement. */
export function drawHeatMap(context: CanvasRenderingContext2D, coverage: Coverage): void {
  const picture = pictures.get(coverage) ?? paint(coverage);
  pictures.set(coverage, picture);
  context.imageSmoothingEnabled = true;
  context.drawImage(picture, 0, 0, coverage.columns * coverage.cell, coverage.rows * coverage.cell);
}

function paint({ columns, rows, distance }: Coverage): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d");
  if (!context) return canvas;
  const pixels = context.createImageData(columns, rows);
  const widest = distance.reduce((most, value) => Math.max(most, value), 1);
  distance.forEach((value, i) => {
    if (value > 0) pixels.data.set(colorAt(value / widest), i * 4);
  });
  context.putImageData(pixels, 0, 0);
  return canvas;
}

function colorAt(heat: number): readonly number[] {
  const mix = (cool: number, hot: number): number => Math.round(cool + (hot - cool) * heat);
  return [
    ...COOL.map((cool, i) => mix(cool, HOT[i])),
    Math.round(255 * (LEAST_ALPHA + (MOST_ALPHA - LEAST_ALPHA) * heat)),
  ];
}

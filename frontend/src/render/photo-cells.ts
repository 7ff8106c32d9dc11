/** Looks at a photo as coarsely as a mask sees it: the mean colour of each low-res cell. */
import type { BoxXyxy, PhotoCells, Size } from "../geometry/types";
import type { MaskGeometry } from "../geometry/upsample";

/**
 * The cells, `cellPx` model pixels a side, of a part of a photo (null: all of it), as seen in a picture of it.
 *
 * imageSize: the photo's own size, of which the picture may be a smaller copy. Null where the picture shows too little.
 */
export function photoCells(
  picture: HTMLImageElement,
  imageSize: Size,
  part: BoxXyxy | null,
  { inputSize }: MaskGeometry,
  cellPx: number,
): PhotoCells | null {
  const { x0, y0, x1, y1 } = part ?? { x0: 0, y0: 0, x1: imageSize.width, y1: imageSize.height };
  const share = picture.naturalWidth / imageSize.width;
  const [width, height] = [inputSize.width / cellPx, inputSize.height / cellPx];
  // Of a small part a smaller copy has less than a pixel for every cell: what it shows there are no edges.
  if (share < 1 && (x1 - x0) * share < width) return null;
  const [columns, rows] = [Math.ceil(width), Math.ceil(height)];
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [columns, rows];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) return null;
  context.imageSmoothingQuality = "high";
  // Cells at the lower and right border may end beyond the photo; they are drawn over themselves, so that they are full.
  for (const [w, h] of [
    [columns, rows],
    [width, height],
  ]) {
    // prettier-ignore
    context.drawImage(picture, x0 * share, y0 * share, (x1 - x0) * share, (y1 - y0) * share, 0, 0, w, h);
  }
  return { rows, columns, rgba: context.getImageData(0, 0, columns, rows).data };
}

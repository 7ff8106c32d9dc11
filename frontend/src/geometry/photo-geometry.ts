/**
 * How a photo becomes the model's square input, and the way back of points and of the cells of low-res logits.
 *
 * It is a strategy of the model, named by its manifest: `longest_side` is SAM's (the longest side becomes imageSize, the
 * rest is padding to the right and below), `square` is SAM 2.1's (each axis has a scale of its own, and there is no
 * padding). Mirrors sam_core/geometry.py, which states the rules; fixtures/golden holds both to the same bits.
 */
import type { Size } from "./types";

interface Strategy {
  /** What the square input shows, in the photo's pixels: the photo and its padding. */
  frame(photo: Size): Size;
  /** Masks are resized to the model's input on their way back, and from there to the photo; else at once. */
  readonly viaInput: boolean;
}

const STRATEGIES = {
  longest_side: {
    frame: ({ width, height }) => ({ width: Math.max(width, height), height: Math.max(width, height) }),
    viaInput: true,
  },
  square: { frame: (photo) => photo, viaInput: false },
} as const satisfies Record<string, Strategy>;

export type GeometryName = keyof typeof STRATEGIES;

/** A model's geometry, for photos of any size. */
export interface InputGeometry {
  readonly name: GeometryName;
  /** Side of the square input. */
  readonly imageSize: number;
}

/** The geometry until a model is open. */
export const SAM_GEOMETRY: InputGeometry = { name: "longest_side", imageSize: 1024 };

/** How one photo, or a crop of one, lies in the model's input. */
export interface PhotoGeometry {
  readonly imageSize: number;
  /** After and before resizing. */
  readonly inputSize: Size;
  readonly originalSize: Size;
  readonly viaInput: boolean;
}

export function isGeometryName(name: unknown): name is GeometryName {
  return typeof name === "string" && Object.hasOwn(STRATEGIES, name);
}

export function geometryFor(originalSize: Size, { name, imageSize }: InputGeometry): PhotoGeometry {
  const frame = frameOf(originalSize, name);
  const inputSize = {
    width: Math.floor(originalSize.width * (imageSize / frame.width) + 0.5),
    height: Math.floor(originalSize.height * (imageSize / frame.height) + 0.5),
  };
  return { imageSize, originalSize, inputSize, viaInput: STRATEGIES[name].viaInput };
}

/** What the square input shows of a photo, in its pixels. */
export function frameOf(photo: Size, name: GeometryName): Size {
  return STRATEGIES[name].frame(photo);
}

/** Model pixels per pixel of the photo, along each axis. */
export function scalesOf({ inputSize, originalSize }: PhotoGeometry): { readonly x: number; readonly y: number } {
  return { x: inputSize.width / originalSize.width, y: inputSize.height / originalSize.height };
}

/** How many of the model's pixels show one of the photo's along its longer side; 1 at most. */
export function detailOf({ inputSize, originalSize }: PhotoGeometry): number {
  const [input, original] = [inputSize, originalSize].map(({ width, height }) => Math.max(width, height));
  return Math.min(1, input / original);
}

/** How many rows and columns of side x side cells lie on the photo and not on padding alone. */
export function cellsOnPhoto(side: number, { imageSize, inputSize }: PhotoGeometry): { rows: number; columns: number } {
  return {
    rows: Math.ceil((inputSize.height * side) / imageSize),
    columns: Math.ceil((inputSize.width * side) / imageSize),
  };
}

/** The cell of a click (model pixels) among side x side; beyond the photo, the nearest one on it. */
export function cellAt(x: number, y: number, side: number, geometry: PhotoGeometry): { row: number; column: number } {
  const { rows, columns } = cellsOnPhoto(side, geometry);
  const within = (at: number, count: number): number =>
    Math.min(count - 1, Math.max(0, Math.floor((at + 0.5) * (side / geometry.imageSize))));
  return { row: within(y, rows), column: within(x, columns) };
}

/** Width of the columns of cells that lie on the photo, in model pixels. */
export function widthInCells(side: number, geometry: PhotoGeometry): number {
  return (cellsOnPhoto(side, geometry).columns * geometry.imageSize) / side;
}

/** A place on the grid of cells (0 is its edge) in pixels of the photo, along one axis. */
export function cellToImage(cell: number, side: number, geometry: PhotoGeometry, axis: keyof Size): number {
  const { imageSize, inputSize, originalSize } = geometry;
  return (cell * (imageSize / side) * originalSize[axis]) / inputSize[axis];
}

/** A pixel of the photo as a place on the grid of cells, along one axis. */
export function imageToCell(pixel: number, side: number, geometry: PhotoGeometry, axis: keyof Size): number {
  const { imageSize, inputSize, originalSize } = geometry;
  return (pixel * inputSize[axis]) / originalSize[axis] / (imageSize / side);
}

/** What side x side logits are resized to before the photo's size, and the part of it that is kept. */
export function middleSize(side: number, geometry: PhotoGeometry): { readonly side: number; readonly kept: Size } {
  const { viaInput, imageSize, inputSize } = geometry;
  return viaInput ? { side: imageSize, kept: inputSize } : { side, kept: { width: side, height: side } };
}

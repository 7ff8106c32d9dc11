import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { maskFromBitmap } from "./column-mask";
import { logitsFromMask } from "./mask-prompt";
import {
  cellAt,
  cellsOnPhoto,
  cellToImage,
  geometryFor,
  imageToCell,
  isGeometryName,
  scalesOf,
  type GeometryName,
} from "./photo-geometry";

const LONGEST = { name: "longest_side", imageSize: 1024 } as const;
const SQUARE = { name: "square", imageSize: 1024 } as const;
const PHOTO = { width: 1800, height: 1200 };

describe("a photo in the model's input", () => {
  it("has its longest side as long as the input, or both", () => {
    expect(geometryFor(PHOTO, LONGEST).inputSize).toEqual({ width: 1024, height: 683 });
    expect(geometryFor(PHOTO, SQUARE).inputSize).toEqual({ width: 1024, height: 1024 });
    expect(scalesOf(geometryFor(PHOTO, SQUARE))).toEqual({ x: 1024 / 1800, y: 1024 / 1200 });
  });

  it("has padding below or beside, or none", () => {
    expect(cellsOnPhoto(256, geometryFor(PHOTO, LONGEST))).toEqual({ rows: 171, columns: 256 });
    expect(cellsOnPhoto(256, geometryFor(PHOTO, SQUARE))).toEqual({ rows: 256, columns: 256 });
  });

  it("keeps the places of cells both ways", () => {
    const anySide = fc.integer({ min: 32, max: 3000 });
    const anyName = fc.constantFrom<GeometryName>("longest_side", "square");
    fc.assert(
      fc.property(anySide, anySide, fc.integer({ min: 0, max: 15 }), anyName, (width, height, cell, name) => {
        fc.pre(Math.min(width, height) * 64 >= Math.max(width, height));
        const geometry = geometryFor({ width, height }, { name, imageSize: 64 });
        const scale = scalesOf(geometry);
        const [x, y] = [
          cellToImage(cell + 0.5, 16, geometry, "width"),
          cellToImage(cell + 0.5, 16, geometry, "height"),
        ];
        expect(imageToCell(x, 16, geometry, "width")).toBeCloseTo(cell + 0.5, 8);
        const { rows, columns } = cellsOnPhoto(16, geometry);
        const found = cellAt(x * scale.x - 0.5, y * scale.y - 0.5, 16, geometry);
        expect(found).toEqual({ row: Math.min(cell, rows - 1), column: Math.min(cell, columns - 1) });
      }),
    );
  });
});

it("knows the names of geometries", () => {
  expect(["longest_side", "square", "toString", 5].map(isGeometryName)).toEqual([true, true, false, false]);
});

it("draws a mask onto the cells that the model's geometry gives it", () => {
  const box = { x0: 0, y0: 0, x1: 900, y1: 600 };
  const mask = maskFromBitmap(new Uint8Array(900 * 600).fill(1), box, PHOTO);
  const inside = (name: GeometryName) => {
    const { data, side } = logitsFromMask(mask, { name, imageSize: 1024 });
    const rows = Array.from({ length: side }, (_, y) => data[y * side] > 0);
    const columns = Array.from({ length: side }, (_, x) => data[x] > 0);
    return [rows, columns].map((cells) => cells.filter(Boolean).length);
  };
  expect(inside("longest_side")).toEqual([85, 128]);
  expect(inside("square")).toEqual([128, 128]);
});

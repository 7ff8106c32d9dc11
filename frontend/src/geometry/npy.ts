/** NumPy's .npy files: header and little-endian float16 or float32 data in C order. Knows nothing of embeddings. */

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

export class NpyError extends Error {
  override readonly name = "NpyError";
}

/** float16 stays as its bits: the model's runtime takes them so. */
export type NpyArray =
  | { readonly dtype: "float16"; readonly shape: readonly number[]; readonly bits: Uint16Array }
  | { readonly dtype: "float32"; readonly shape: readonly number[]; readonly values: Float32Array };

/** Read a file; throws NpyError for anything but a whole float16 or float32 array in C order. */
export function parseNpy(buffer: ArrayBuffer): NpyArray {
  const { header, dataStart } = readHeader(buffer);
  const descr = /'descr':\s*'([^']+)'/.exec(header)?.[1] ?? "unknown";
  const shapeText = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1];
  if (shapeText === undefined || !/'fortran_order':\s*False/.test(header)) throw new NpyError("not a C-order array");
  const shape = shapeText.split(",").flatMap((part) => (part.trim() === "" ? [] : [Number(part)]));
  const length = shape.reduce((product, extent) => product * extent, 1);
  switch (descr) {
    case "<f2":
      return { dtype: "float16", shape, bits: new Uint16Array(dataOf(buffer, dataStart, length, 2)) };
    case "<f4":
      return { dtype: "float32", shape, values: new Float32Array(dataOf(buffer, dataStart, length, 4)) };
    default:
      throw new NpyError(`values of type ${descr} are not read here`);
  }
}

/** float16 bits as a number; exact. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function readHeader(buffer: ArrayBuffer): { header: string; dataStart: number } {
  const bytes = new Uint8Array(buffer);
  if (buffer.byteLength < 12 || MAGIC.some((byte, i) => bytes[i] !== byte)) throw new NpyError("not a .npy file");
  const view = new DataView(buffer);
  const isFirstVersion = bytes[6] === 1;
  const headerStart = isFirstVersion ? 10 : 12;
  const headerLength = isFirstVersion ? view.getUint16(8, true) : view.getUint32(8, true);
  const dataStart = headerStart + headerLength;
  if (dataStart > buffer.byteLength) throw new NpyError("the header is cut off");
  return { header: new TextDecoder("latin1").decode(bytes.subarray(headerStart, dataStart)), dataStart };
}

function dataOf(buffer: ArrayBuffer, start: number, length: number, itemBytes: number): ArrayBuffer {
  const end = start + length * itemBytes;
  if (!Number.isSafeInteger(end) || end !== buffer.byteLength) {
    throw new NpyError(`the file holds ${buffer.byteLength - start} bytes of data, its shape asks for ${end - start}`);
  }
  return buffer.slice(start, end);
}

/**
 * NumPy's .npz files: a zip of .npy files that are stored as they are (np.savez). Knows nothing of embeddings.
 * Layout: PKWARE's APPNOTE.TXT, sections 4.3.7 (local header), 4.3.12 (central directory) and 4.3.16 (its end).
 */
import { NpyError, parseNpy, type NpyArray } from "./npy";

const END = 0x06054b50;
const END_BYTES = 22;
const ENTRY = 0x02014b50;
const ENTRY_BYTES = 46;
const LOCAL_BYTES = 30;
const STORED = 0;

export function isNpz(file: ArrayBuffer): boolean {
  const [first, second] = new Uint8Array(file, 0, Math.min(2, file.byteLength));
  return first === 0x50 && second === 0x4b; // PK
}

/** Read all arrays by their names; throws NpyError for anything but a whole file without compression or a comment. */
export function parseNpz(file: ArrayBuffer): Map<string, NpyArray> {
  const view = new DataView(file);
  const end = file.byteLength - END_BYTES;
  if (end < 0 || view.getUint32(end, true) !== END) throw new NpyError("not a whole .npz file");
  const count = view.getUint16(end + 10, true);
  const arrays = new Map<string, NpyArray>();
  let at = view.getUint32(end + 16, true);
  for (let i = 0; i < count; i++) {
    const entry = readEntry(view, at);
    arrays.set(entry.name, parseNpy(file.slice(entry.start, entry.end)));
    at = entry.next;
  }
  return arrays;
}

function readEntry(view: DataView, at: number) {
  if (at + ENTRY_BYTES > view.byteLength || view.getUint32(at, true) !== ENTRY) throw new NpyError("a part is missing");
  const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true));
  if (view.getUint16(at + 10, true) !== STORED) throw new NpyError("compressed arrays are not read here");
  const bytes = view.getUint32(at + 20, true);
  const local = view.getUint32(at + 42, true);
  if (local + LOCAL_BYTES > view.byteLength) throw new NpyError("a part is missing");
  const start = local + LOCAL_BYTES + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
  const name = new TextDecoder("latin1").decode(new Uint8Array(view.buffer, at + ENTRY_BYTES, nameBytes));
  const next = at + ENTRY_BYTES + nameBytes + extraBytes + commentBytes;
  return { name: name.replace(/\.npy$/, ""), start, end: start + bytes, next };
}

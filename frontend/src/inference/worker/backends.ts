/** Chooses how a model is decoded: by its accelerator where it has one that works here, else by its plain graphs. */
import type { AcceleratorPart, Manifest } from "../protocol/manifest";
import type { LocalEngine } from "../protocol/messages";
import type { DecoderBackend } from "./decoder-backend";
import type { LoadFile } from "./model-files";

export interface BackendDependencies {
  /** Rejects where the accelerator does not work: the plain graphs are used then. */
  openAccelerator(engine: LocalEngine, part: AcceleratorPart, load: LoadFile): Promise<DecoderBackend>;
  openPlain(engine: LocalEngine, graphs: Manifest["graphs"], load: LoadFile): Promise<DecoderBackend>;
}

export async function openBackend(
  engine: LocalEngine,
  { accelerator, graphs }: Manifest,
  load: LoadFile,
  doors: BackendDependencies,
): Promise<DecoderBackend> {
  // The accelerator's kernel is WebAssembly; a graphics card is fast without.
  const accelerated =
    accelerator && engine !== "webgpu" ? doors.openAccelerator(engine, accelerator, load).catch(() => null) : null;
  return (await accelerated) ?? doors.openPlain(engine, graphs, load);
}

/** Entry of the decoder's module worker: hands messages to the session and its answers back. */
import { transferablesOf, type WorkerRequest } from "../protocol/messages";
import { openAccelerator } from "./accelerator";
import { openBackend } from "./backends";
import { DecoderSession } from "./decoder-session";
import { fileLoader, loadGraphs } from "./model-files";
import { PlainDecoder } from "./plain-decoder";
import { loadLibrary, threadsOf } from "./runtime";

const get = fetch.bind(globalThis);
const session = new DecoderSession({
  openBackend: (engine, manifestUrl, manifest) =>
    openBackend(engine, manifest, fileLoader(manifestUrl, manifest, get), {
      openAccelerator: (on, part, load) =>
        openAccelerator({ part, load, library: loadLibrary(on), threads: threadsOf(on) }),
      openPlain: async (on, graphs, load) => {
        const [library, files] = await Promise.all([loadLibrary(on), loadGraphs(graphs, load)]);
        return PlainDecoder.open(library, files, on === "webgpu" ? "webgpu" : "wasm", threadsOf(on));
      },
    }),
  fetch: get,
  now: () => performance.now(),
});

self.addEventListener("message", (event: MessageEvent<WorkerRequest>) => {
  void session.handle(event.data).then((answer) => {
    self.postMessage(answer, { transfer: transferablesOf(answer) });
  });
});

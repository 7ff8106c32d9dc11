/** Entry of the decoder's module worker: hands messages to the session and its answers back. */
import { transferablesOf, type WorkerRequest } from "../inference/protocol";
import { DecoderSession } from "./decoder-session";
import { loadModel } from "./model-files";
import { loadRuntime } from "./runtime";

const session = new DecoderSession({
  loadRuntime,
  loadModel: (manifestUrl, manifest, upTo) => loadModel(manifestUrl, manifest, upTo, fetch.bind(globalThis)),
});

self.addEventListener("message", (event: MessageEvent<WorkerRequest>) => {
  void session.handle(event.data).then((answer) => {
    self.postMessage(answer, { transfer: transferablesOf(answer) });
  });
});

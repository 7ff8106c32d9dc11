/** Answers the page's requests one after the other. Knows neither `self` nor which runtime it is given. */
import { DecodeError, toDecodeError } from "../inference/errors";
import type { GraphRuntime } from "../inference/graph-runtime";
import type { Manifest } from "../inference/manifest";
import { OrtDecoder, type ModelBytes } from "../inference/ort-decoder";
import type { LocalEngine, WorkerAnswer, WorkerRequest } from "../inference/protocol";

export interface SessionDependencies {
  loadRuntime(engine: LocalEngine): Promise<GraphRuntime>;
  loadModel(manifestUrl: string, manifest: Manifest, upTo: "masks" | "rows"): Promise<ModelBytes>;
}

export class DecoderSession {
  private decoder: OrtDecoder | null = null;
  private isComplete = false;
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly dependencies: SessionDependencies) {}

  /** Answer a request after those before it; never rejects. */
  handle(request: WorkerRequest): Promise<WorkerAnswer> {
    const answer = this.last.then(() => this.answer(request)).catch((cause: unknown) => errorAnswer(request.id, cause));
    // After a first click there is time: the person looks at the mask before refining it. A failure shows when needed.
    const isFirst = request.type === "decode" && !this.isComplete;
    this.last = isFirst ? answer.then(() => this.complete()) : answer;
    return answer;
  }

  private async answer(request: WorkerRequest): Promise<WorkerAnswer> {
    const { id } = request;
    switch (request.type) {
      case "open": {
        const { manifest, engine, manifestUrl, termsBudgetBytes, isKnown } = request;
        const [runtime, likely] = await Promise.all([
          this.dependencies.loadRuntime(engine),
          this.dependencies.loadModel(manifestUrl, manifest, engine === "webgpu" ? "masks" : "rows"),
        ]);
        const isUsable = runtime.canUpscale || !likely.upscaling;
        const model = isUsable ? likely : await this.dependencies.loadModel(manifestUrl, manifest, "masks");
        this.isComplete = false;
        this.decoder = await OrtDecoder.create(runtime, manifest, model, engine, termsBudgetBytes);
        return { type: "opened", id, trial: isKnown ? null : await this.decoder.tryGolden() };
      }
      case "prepare":
        return { type: "prepared", id, evicted: await this.opened().prepare(request.key, request.npy) };
      case "decode": {
        const { key, coords, labels, maskInput } = request;
        return { type: "decoded", id, ...(await this.opened().decode(key, coords, labels, maskInput)) };
      }
    }
  }

  private async complete(): Promise<void> {
    this.isComplete = true;
    await this.decoder?.complete().catch(() => undefined);
  }

  private opened(): OrtDecoder {
    if (!this.decoder) throw new DecodeError("engine_failed", "No model is open.");
    return this.decoder;
  }
}

function errorAnswer(id: number, cause: unknown): WorkerAnswer {
  const { code, message } = toDecodeError(cause);
  return { type: "error", id, code, message };
}

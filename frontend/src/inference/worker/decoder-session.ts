/** Answers the page's requests one after the other. Knows neither `self` nor which runtime it is given. */
import { cropOfAnswer, maskOf } from "../masks/pictures";
import { DecodeError, toDecodeError } from "../protocol/errors";
import type { Manifest } from "../protocol/manifest";
import type { LocalEngine, WorkerAnswer, WorkerRequest } from "../protocol/messages";
import { Answering } from "./answering";
import type { DecoderBackend } from "./decoder-backend";
import { ModelDecoder } from "./model-decoder";
import { ModelViews, MissingView, ServerViews, type ViewDecoder } from "./view-decoder";

export interface SessionDependencies {
  openBackend(engine: LocalEngine, manifestUrl: string, manifest: Manifest): Promise<DecoderBackend>;
  readonly fetch: typeof fetch;
  /** Milliseconds of a clock that only goes forward. */
  now(): number;
}

type Request<Type extends WorkerRequest["type"]> = Extract<WorkerRequest, { type: Type }>;

interface Opened {
  readonly manifest: Manifest;
  readonly views: ViewDecoder;
  readonly answering: Answering;
}

export class DecoderSession {
  private model: Opened | null = null;
  private isComplete = false;
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly dependencies: SessionDependencies) {}

  /** Answer a request after those before it; never rejects. */
  handle(request: WorkerRequest): Promise<WorkerAnswer> {
    const told = this.last.then(() => this.answer(request)).catch((cause: unknown) => errorAnswer(request.id, cause));
    this.last = told.then((given) => (isLastOfClick(request, given) ? this.complete() : undefined));
    return told;
  }

  private async answer(request: WorkerRequest): Promise<WorkerAnswer> {
    const { id } = request;
    switch (request.type) {
      case "open":
        return this.open(request);
      case "prepare":
        return { type: "prepared", id, evicted: await this.opened().views.prepare(request.key, request.npy) };
      case "answer":
        return this.answerPrompt(request);
      case "mask":
        return { type: "masked", id, mask: maskOf(request.question, this.opened().manifest.geometry) };
      case "crop":
        return { type: "framed", id, box: cropOfAnswer(request.question, this.opened().manifest.geometry) };
    }
  }

  private async open(request: Request<"open">): Promise<WorkerAnswer> {
    const { manifest, engine, id, known } = request;
    this.isComplete = false;
    if (engine === "server") {
      this.take(manifest, new ServerViews(manifest, { ...request.server, fetch: this.dependencies.fetch }));
      return { type: "opened", id, trial: null };
    }
    const backend = await this.dependencies.openBackend(engine, request.manifestUrl, manifest);
    const decoder = new ModelDecoder(backend, manifest, engine, request.budgetBytes);
    this.take(manifest, new ModelViews(manifest, decoder));
    const isKnown = known?.isAccelerated === backend.isAccelerated;
    return { type: "opened", id, trial: isKnown ? null : await decoder.tryGolden() };
  }

  private take(manifest: Manifest, views: ViewDecoder): void {
    this.model = { manifest, views, answering: new Answering(manifest, views, () => this.dependencies.now()) };
  }

  private async answerPrompt({ id, question }: Request<"answer">): Promise<WorkerAnswer> {
    try {
      return { type: "answered", id, ...(await this.opened().answering.answer(question)) };
    } catch (error) {
      if (error instanceof MissingView) return { type: "missing", id, key: error.key };
      throw error;
    }
  }

  /** After a first click there is time: the person looks at the mask before refining it. A failure shows when needed. */
  private async complete(): Promise<void> {
    if (this.isComplete) return;
    this.isComplete = true;
    await this.model?.views.complete().catch(() => undefined);
  }

  private opened(): Opened {
    if (!this.model) throw new DecodeError("engine_failed", "No model is open.");
    return this.model;
  }
}

/** Whether nothing more is asked about a click: its sampled mask is followed by the request for its exact pixels. */
function isLastOfClick(request: WorkerRequest, given: WorkerAnswer): boolean {
  if (request.type === "mask") return true;
  if (request.type !== "answer" || given.type === "missing") return false;
  return !request.question.isExact || (given.type === "answered" && given.sampled.step === 1);
}

function errorAnswer(id: number, cause: unknown): WorkerAnswer {
  const { code, message } = toDecodeError(cause);
  return { type: "error", id, code, message };
}

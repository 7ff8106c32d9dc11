/**
 * The workspace's door to decoding: one module worker, chosen engine, server as the last resort.
 *
 * Clicks are answered in order and none is lost; of hovers only the newest runs. Contract: docs/contracts.md, section 4.
 */
import { imagePoint, type LowResLogits } from "../geometry/types";
import { geometryFor } from "../geometry/upsample";
import { browserName } from "./browser-name";
import { chooseCandidate, rankOf, toCandidates } from "./candidates";
import { SINGLE_MASK } from "./closer";
import { DecodeQueue } from "./decode-queue";
import { EdgeGuides, guideOfNothing } from "./edge-guides";
import { EmbeddingStore } from "./embedding-store";
import {
  isClearlyFaster,
  openFirstRight,
  openingOrder,
  serverTrial,
  shouldTryWebGpu,
  type Abilities,
  type OpenEngine,
} from "./engine-choice";
import { EngineMemoryStore } from "./engine-memory";
import { DecodeError, isDecodeError, toDecodeError } from "./errors";
import { fetchManifest, type Manifest } from "./manifest";
import { fitToGrid, maskPromptFor } from "./mask-prompt";
import { inMirror } from "./mirrored";
import { encodedSize, FOREGROUND, toTokens, type PromptTokens } from "./prompt-tokens";
import type { LocalEngine } from "./protocol";
import { CANDIDATES, thoughtOver } from "./second-thoughts";
import { decodeOnServer } from "./server-decoder";
import { answerOf, fromAfar, mergeSeen, planesOf, type RawAnswer } from "./seen-views";
import { WorkerDecoder } from "./worker-decoder";
import type { WorkerPort } from "./worker-link";
import type {
  AnsweredClick,
  Candidate,
  Conclusion,
  DecodeRequest,
  DecodeResult,
  DecoderClient,
  EmbeddingRef,
  EngineInfo,
  EngineName,
  EngineTrial,
  PhotoView,
  SeenView,
} from "./types";

export type {
  AnsweredClick,
  Candidate,
  DecodeRequest,
  DecodeResult,
  DecoderClient,
  EmbeddingRef,
  EngineInfo,
  EngineName,
  PhotoSampler,
} from "./types";

export interface ClientDependencies {
  createWorker(): WorkerPort;
  readonly fetch: typeof fetch;
  readonly caches: CacheStorage | null;
  readonly storage: Storage | null;
  readonly abilities: Abilities;
  readonly userAgent: string;
  /** Root of the HTTP API, and the CSRF token for it. */
  readonly api: string;
  readonly csrf: string;
  /** Told when the engine changes by itself: WebGPU took over, or the server had to. */
  onEngine?(info: EngineInfo): void;
  /** What the page does with a mask it shows, done with some that nobody asked for, so that the first click finds it compiled. */
  rehearse?(shown: LowResLogits, imageSize: number): void;
}

type ViewAsked = Pick<DecodeRequest, "embedding" | "originalSize" | "photo" | "prompts">;

const CACHE_BUDGET_BYTES = 512 * 2 ** 20;
/** Decodings until the browser has compiled what they run: later ones take a third to a half of the first one's time. */
const WARM_UPS = 8;

export class BrowserDecoderClient implements DecoderClient {
  private readonly queue = new DecodeQueue();
  private readonly store: EmbeddingStore;
  private readonly guides = new EdgeGuides();
  private opened: { manifestUrl: string; manifest: Manifest; memory: EngineMemoryStore } | null = null;
  private decoder: WorkerDecoder | null = null;
  private trials: EngineTrial[] = [];
  private isClosed = false;
  private isWarm = false;

  constructor(private readonly dependencies: ClientDependencies) {
    const { fetch: get, caches } = dependencies;
    this.store = new EmbeddingStore({ fetch: get, caches, budgetBytes: CACHE_BUDGET_BYTES });
  }

  open(manifestUrl: string): Promise<EngineInfo> {
    // In the queue, so that clicks made meanwhile wait for the model and are not lost.
    return this.queue.add("click", async () => {
      const absolute = new URL(manifestUrl, globalThis.location.href).href;
      const manifest = await fetchManifest(absolute, this.dependencies.fetch);
      const browser = browserName(this.dependencies.userAgent);
      const memory = new EngineMemoryStore(this.dependencies.storage, identityOf(manifest), browser);
      this.opened = { manifestUrl: absolute, manifest, memory };
      return this.choose();
    });
  }

  prefetch(embedding: EmbeddingRef): void {
    const bytes = this.store.load(embedding);
    const ready = this.queue.add("prefetch", async () => {
      const loaded = await bytes;
      // The next image's embedding may be of another model; it waits in the store until that one is open.
      if (!this.opened || !isOf(this.opened.manifest, embedding)) return;
      await this.decoder?.prepare(embedding.key, () => Promise.resolve(loaded));
      this.warmUp(embedding, this.opened.manifest);
    });
    // What failed here is tried again, and told, by the click that needs it.
    Promise.all([bytes, ready]).catch(() => undefined);
  }

  look(view: PhotoView): void {
    const seen = this.queue.add("prefetch", () => {
      if (this.opened && isOf(this.opened.manifest, view.embedding)) this.guides.of(view, this.opened.manifest);
      return Promise.resolve();
    });
    seen.catch(() => undefined); // a click meets the same trouble, and tells
  }

  decode(request: DecodeRequest): Promise<DecodeResult> {
    return this.queue.add(request.kind, () => this.run(request), request.signal);
  }

  async thinkAgain(answered: AnsweredClick): Promise<Conclusion | null> {
    const { manifest } = this.whole();
    const { prompts, seen, originalSize } = answered;
    const { decoder } = this;
    const isLoneClick = prompts.length === 1 && prompts[0].kind === "point" && prompts[0].label === FOREGROUND;
    // The server would be asked a dozen times, with a megabyte each.
    if (!manifest.looksCloser || !isLoneClick || !decoder) return null;
    const start = performance.now();
    const asked = [seen];
    const shownNow = answered.candidates;
    const together = [
      answerOf(
        shownNow.map(({ logits }) => logits),
        shownNow.map(({ predictedIou }) => predictedIou),
      ),
    ];
    for (const candidate of CANDIDATES) {
      const again = await this.goOn(answered, candidate, manifest);
      asked.push(again);
      together.push(mergeSeen(again, originalSize, manifest.imageSize, null));
    }
    const view = { ...answered, embedding: seen[seen.length - 1].embedding };
    const { geometry, tokens } = placeOf(view, manifest);
    const ranks = together.flatMap((one) => {
      const candidates = this.candidatesOf(view, one, manifest);
      return CANDIDATES.map((index) => rankOf(tokens, candidates[index], geometry, manifest));
    });
    const decodeMs = performance.now() - start;
    const { engine } = decoder.trial;
    return (shown) => {
      const { together: best, ...thought } = thoughtOver(asked, together, ranks, geometry, shown);
      return { ...thought, candidates: this.candidatesOf(view, best, manifest), decodeMs, engine };
    };
  }

  useEngine(engine: EngineName | null): Promise<EngineInfo> {
    return this.queue.add("click", () => {
      // Back to choosing means measuring again.
      const forgotten = engine === null ? { trials: [] } : {};
      this.whole().memory.update({ chosen: null, override: engine, ...forgotten });
      return this.choose();
    });
  }

  close(): void {
    this.isClosed = true;
    this.queue.clear();
    this.decoder?.close();
    this.decoder = null;
  }

  // choosing an engine ----------------------------------------------------------------------------------------------

  private async choose(): Promise<EngineInfo> {
    const { memory } = this.whole();
    const { abilities } = this.dependencies;
    const kept = memory.read();
    this.decoder?.close();
    this.decoder = null;
    this.isWarm = false;
    this.trials = [];
    if (kept.override === "server") return this.info();
    try {
      const order = openingOrder(abilities, kept);
      this.take(
        await openFirstRight(
          order,
          (engine) => this.openEngine(engine, kept.trials.find((trial) => trial.engine === engine) ?? null),
          shut,
          (trial) => this.note(trial),
        ),
      );
    } catch (error) {
      if (isDecodeError(error, "closed", "model_missing", "model_corrupt")) throw error;
      return this.info(); // the server decodes
    }
    if (shouldTryWebGpu(abilities, kept)) void this.challenge();
    return this.info();
  }

  private note(trial: EngineTrial): void {
    this.trials.push(trial);
    this.whole().memory.note(trial);
  }

  private async openEngine(engine: LocalEngine, known: EngineTrial | null): Promise<OpenEngine<WorkerDecoder>> {
    const { manifestUrl, manifest } = this.whole();
    const create = () => this.dependencies.createWorker();
    const link = await WorkerDecoder.open(create, manifestUrl, manifest, engine, known);
    return { link, trial: link.trial };
  }

  private take({ link }: OpenEngine<WorkerDecoder>): void {
    if (this.isClosed) {
      link.close();
      throw new DecodeError("closed", "The decoder was closed.");
    }
    this.decoder?.close();
    this.decoder = link;
  }

  /** Measure WebGPU beside the engine in use, and let it take over between two jobs. */
  private async challenge(): Promise<void> {
    const holder = this.decoder;
    if (!holder) return;
    const { memory } = this.whole();
    let challenger: OpenEngine<WorkerDecoder>;
    try {
      challenger = await this.openEngine("webgpu", null);
    } catch {
      memory.update({ chosen: holder.trial.engine, override: null }); // no such engine here after all
      return;
    }
    this.note(challenger.trial);
    const isBetter = isClearlyFaster(challenger.trial, holder.trial) && this.decoder === holder;
    if (!isBetter) challenger.link.close();
    memory.update({ chosen: isBetter ? "webgpu" : holder.trial.engine, override: null });
    if (!isBetter) return;
    const taking = this.queue.add("click", () => {
      this.take(challenger);
      return Promise.resolve();
    });
    await taking.catch(() => challenger.link.close());
    this.dependencies.onEngine?.(this.info());
  }

  private info(): EngineInfo {
    const { manifest, memory } = this.whole();
    const { engine, threads } = this.decoder?.trial ?? serverTrial();
    const { modelVersion, imageSize, looksCloser } = manifest;
    const { override } = memory.read();
    return { engine, threads, modelVersion, imageSize, looksCloser, trials: [...this.trials], override };
  }

  // answering -------------------------------------------------------------------------------------------------------

  private async run(request: DecodeRequest): Promise<DecodeResult> {
    const { manifest } = this.whole();
    const { embedding, originalSize, prompts, maskInput } = request;
    if (prompts.length === 0 && !maskInput) throw new DecodeError("bad_prompt", "There is no prompt.");
    const start = performance.now();
    const { engine, logits, predictedIou } = await this.answer(request, manifest);
    const seen = [...(request.seen ?? []), { embedding, logits, predictedIou }].sort(fromAfar);
    const nearest = seen[seen.length - 1].embedding;
    const merged = mergeSeen(seen, originalSize, manifest.imageSize, request.kept ?? SINGLE_MASK);
    const view = { ...request, embedding: nearest };
    const candidates = this.candidatesOf(view, merged, manifest);
    const { geometry, tokens } = placeOf(view, manifest);
    const chosen = chooseCandidate(tokens, candidates, geometry, manifest, request.kept);
    return { candidates, chosen, seen, decodeMs: performance.now() - start, engine };
  }

  /** The candidates of an answer in a view. */
  private candidatesOf(view: ViewAsked, { logits, predictedIou }: RawAnswer, manifest: Manifest): Candidate[] {
    const { geometry, tokens } = placeOf(view, manifest);
    return toCandidates(logits, predictedIou, tokens, geometry, manifest, this.guides.of(view, manifest));
  }

  /** Ask each view once more, from what it gave for a candidate. */
  private async goOn(answered: AnsweredClick, candidate: number, manifest: Manifest): Promise<SeenView[]> {
    const { prompts, originalSize, signal } = answered;
    const again: SeenView[] = [];
    for (const view of answered.seen) {
      const { embedding } = view;
      const maskInput = planesOf(view)[candidate];
      const request = { kind: "click", embedding, originalSize, prompts, maskInput } as const;
      const answer = await this.queue.add("click", () => this.answer(request, manifest), signal);
      again.push({ embedding, logits: answer.logits, predictedIou: answer.predictedIou });
    }
    return again;
  }

  /** Answer clicks that nobody made while nothing else waits: a first touch has no hover before it that would. */
  private warmUp(embedding: EmbeddingRef, manifest: Manifest): void {
    const { decoder, isWarm } = this;
    if (!decoder || isWarm) return;
    this.isWarm = true;
    const { imageSize } = manifest;
    const square = { width: imageSize, height: imageSize };
    const click = { kind: "point", point: imagePoint(imageSize / 2, imageSize / 2), label: 1 } as const;
    const tokens = toTokens([click], square, null, imageSize);
    const guide = guideOfNothing(manifest);
    for (let i = 0; i < WARM_UPS; i++) {
      const answered = this.queue.add("prefetch", async () => {
        if (this.decoder !== decoder) return;
        const { logits, predictedIou } = await decoder.decode(embedding.key, tokens, null, () =>
          this.store.load(embedding),
        );
        const geometry = geometryFor(square, imageSize);
        const candidates = toCandidates(logits, predictedIou, tokens, geometry, manifest, guide);
        const chosen = chooseCandidate(tokens, candidates, geometry, manifest);
        this.dependencies.rehearse?.(candidates[chosen].shown, imageSize);
      });
      answered.catch(() => undefined); // a click meets the same trouble, and tells
    }
  }

  private async answer(request: DecodeRequest, manifest: Manifest) {
    const { maskInput } = request;
    const { decoder } = this;
    if (!isOf(manifest, request.embedding)) {
      throw new DecodeError("embedding_mismatch", "The embedding was made by another version of the model.");
    }
    const fitted = maskInput && fitToGrid(maskInput, manifest.maskSide);
    if (decoder) {
      try {
        const answer = await this.answerHere(decoder, { ...request, maskInput: fitted }, manifest);
        return { ...answer, engine: decoder.trial.engine };
      } catch (error) {
        const cause = toDecodeError(error);
        if (isDecodeError(cause, "embedding_missing", "embedding_mismatch", "bad_prompt")) throw cause;
        this.giveUpOn(decoder);
      }
    }
    const { api, csrf, fetch: get } = this.dependencies;
    const answer = await decodeOnServer({ ...request, maskInput: fitted }, { api, csrf, fetch: get });
    return { ...answer, engine: "server" as const };
  }

  private answerHere(decoder: WorkerDecoder, request: DecodeRequest, manifest: Manifest) {
    const { embedding, maskInput } = request;
    const { geometry, tokens } = placeOf(request, manifest);
    const load = () => this.store.load(embedding);
    const ask = (asked: PromptTokens, start: LowResLogits | null) =>
      decoder.decode(embedding.key, asked, maskPromptFor(manifest, asked, start), load);
    if (!embedding.isMirrored) return ask(tokens, maskInput);
    return inMirror(ask, tokens, maskInput, geometry, manifest.maskSide);
  }

  /** The engine failed again and again: let the server answer, and say so. */
  private giveUpOn(decoder: WorkerDecoder): void {
    if (this.isClosed) throw new DecodeError("closed", "The decoder was closed.");
    decoder.close();
    this.decoder = null;
    this.dependencies.onEngine?.(this.info());
  }

  private whole() {
    if (!this.opened) throw new DecodeError("model_missing", "No model is open.");
    return this.opened;
  }
}

/** Where prompts lie in a view, and that on the photo. */
function placeOf({ embedding, originalSize, prompts }: ViewAsked, { imageSize }: Manifest) {
  return {
    tokens: toTokens(prompts, originalSize, embedding.cropBox, imageSize),
    geometry: geometryFor(encodedSize(originalSize, embedding.cropBox), imageSize),
  };
}

function isOf(manifest: Manifest, embedding: EmbeddingRef): boolean {
  return embedding.key.includes(`-${manifest.modelVersion}-`);
}

function shut(decoder: WorkerDecoder): void {
  decoder.close();
}

/** What a trial is worth for: these files of this version. */
function identityOf({ modelVersion, files }: Manifest): { version: string; checksum: string } {
  return { version: modelVersion, checksum: files.map(({ sha256 }) => sha256.slice(0, 6)).join("") };
}

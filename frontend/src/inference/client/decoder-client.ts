/**
 * The workspace's door to decoding: one module worker, chosen engine, server as the last resort.
 *
 * Clicks are answered in order and none is lost; of hovers only the newest runs. What is made of decoded logits is made in
 * the worker. Contract: docs/contracts.md, section 4.
 */
import type { ColumnMask } from "../../geometry/column-mask";
import { imagePoint, type BoxXyxy } from "../../geometry/types";
import type { SampledMask } from "../../geometry/upsample";
import type { EmbeddingRef } from "../../model/embedding-views";
import type { SmallStorage } from "../../platform/small-storage";
import { DecodeError, isDecodeError, toDecodeError } from "../protocol/errors";
import { fetchManifest, hasMade, type Manifest } from "../protocol/manifest";
import type { Answered, LocalEngine } from "../protocol/messages";
import type {
  CropQuestion,
  DecodeRequest,
  DecodeResult,
  DecoderClient,
  EngineInfo,
  EngineName,
  EngineTrial,
  MaskQuestion,
} from "../protocol/types";
import { browserName } from "./browser-name";
import { DecodeQueue } from "./decode-queue";
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
import { ViewTimes } from "./view-times";
import { WorkerDecoder, type OpenOptions } from "./worker-decoder";
import type { WorkerPort } from "./worker-link";

export interface ClientDependencies {
  createWorker(): WorkerPort;
  /** What stands in for a worker where none can be started. */
  createOnPage(): Promise<WorkerPort>;
  readonly fetch: typeof fetch;
  readonly caches: CacheStorage | null;
  readonly storage: Pick<SmallStorage, "getItem" | "setItem">;
  readonly abilities: Abilities;
  readonly userAgent: string;
  /** Root of the HTTP API, and the CSRF token for it. */
  readonly api: string;
  readonly csrf: string;
  /** Milliseconds of a clock that only goes forward. */
  readonly now?: () => number;
  /** Told when the engine changes by itself: WebGPU took over, or the server had to. */
  onEngine?(info: EngineInfo): void;
  /** What the page does with a mask it shows, done with some that nobody asked for, so that the first click finds it compiled. */
  warmUpPainting?(sampled: SampledMask): void;
}

const CACHE_BUDGET_BYTES = 512 * 2 ** 20;
/** Decodings until the browser has compiled what they run: later ones take a third to a half of the first one's time. */
const WARM_UPS = 8;
/** A click into the middle of a photo of 12 megapixels that fills a screen. */
const WARM_UP: DecodeRequest = {
  kind: "click",
  views: [],
  originalSize: { width: 4000, height: 3000 },
  prompts: [{ kind: "point", point: imagePoint(2000, 1500), label: 1 }],
  starts: [],
  before: null,
  step: 4,
  isExact: true,
};

export class BrowserDecoderClient implements DecoderClient {
  private readonly queue = new DecodeQueue();
  private readonly store: EmbeddingStore;
  private readonly times = new ViewTimes();
  private readonly now: () => number;
  private opened: { manifestUrl: string; manifest: Manifest; memory: EngineMemoryStore } | null = null;
  private decoder: WorkerDecoder | null = null;
  private trials: EngineTrial[] = [];
  private isClosed = false;
  private isWarm = false;

  constructor(private readonly dependencies: ClientDependencies) {
    const { fetch: get, caches } = dependencies;
    this.now = dependencies.now ?? (() => performance.now());
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
      if (!this.opened || !hasMade(this.opened.manifest, embedding)) return;
      await this.decoder?.prepare(embedding, () => Promise.resolve(loaded));
      this.warmUp(embedding);
    });
    // What failed here is tried again, and told, by the click that needs it.
    Promise.all([bytes, ready]).catch(() => undefined);
  }

  isReady({ key }: EmbeddingRef): boolean {
    return this.decoder?.isPrepared(key) ?? false;
  }

  decode(request: DecodeRequest): Promise<DecodeResult> {
    return this.queue.add(request.kind, () => this.run(request), request.signal);
  }

  async mask(question: MaskQuestion): Promise<ColumnMask> {
    return (await this.ask((decoder) => decoder.mask(question))).value;
  }

  async cropAround(question: CropQuestion): Promise<BoxXyxy | null> {
    return (await this.ask((decoder) => decoder.cropAround(question))).value;
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
    if (kept.override === "server") {
      await this.useServer();
      return this.info();
    }
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
      await this.useServer();
      return this.info();
    }
    if (shouldTryWebGpu(abilities, kept)) void this.challenge();
    return this.info();
  }

  private note(trial: EngineTrial): void {
    this.trials.push(trial);
    this.whole().memory.note(trial);
  }

  private async openEngine(engine: LocalEngine, known: EngineTrial | null): Promise<OpenEngine<WorkerDecoder>> {
    const link = await WorkerDecoder.open(this.openOptions(), engine, known);
    return { link, trial: link.trial };
  }

  /** Have the server decode, and its answers worked on in a worker; on the page, where none can be started. */
  private async useServer(): Promise<WorkerDecoder> {
    const options = this.openOptions();
    const createWorker = () => this.dependencies.createOnPage();
    const link = await WorkerDecoder.open(options, "server", serverTrial()).catch(() =>
      WorkerDecoder.open({ ...options, createWorker }, "server", serverTrial()),
    );
    this.take({ link, trial: link.trial });
    return link;
  }

  private openOptions(): OpenOptions {
    const { manifestUrl, manifest } = this.whole();
    const { api, csrf } = this.dependencies;
    return { createWorker: () => this.dependencies.createWorker(), manifestUrl, manifest, server: { api, csrf } };
  }

  private take({ link }: OpenEngine<WorkerDecoder>): void {
    if (this.isClosed) {
      link.close();
      throw new DecodeError("closed", "The decoder was closed.");
    }
    this.decoder?.close();
    this.decoder = link;
    this.times.begin(link.trial.medianMs);
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
    const { engine, isAccelerated, threads } = this.decoder?.trial ?? serverTrial();
    const { modelVersion, geometry, policy } = manifest;
    const { override } = memory.read();
    return { engine, isAccelerated, threads, modelVersion, geometry, policy, trials: [...this.trials], override };
  }

  // answering -------------------------------------------------------------------------------------------------------

  private async run(request: DecodeRequest): Promise<DecodeResult> {
    const { manifest } = this.whole();
    if (request.prompts.length === 0 && request.starts.length === 0) {
      throw new DecodeError("bad_prompt", "There is no prompt.");
    }
    if (!request.views.every((view) => hasMade(manifest, view))) {
      throw new DecodeError("embedding_mismatch", "The embedding was made by another version of the model.");
    }
    const begun = this.now();
    const mostViews = request.isUnhurried ? Infinity : this.times.viewsWithin(manifest.policy.budgetMs);
    const { value, engine } = await this.ask((decoder) => this.askPrompt(decoder, request, mostViews));
    for (const ms of value.viewMs) this.times.note(ms);
    const { candidates, chosen, decodedViews, sampled } = value;
    const mask = request.isExact ? this.exactMask(request, value) : null;
    return { candidates, chosen, decodedViews, sampled, mask, decodeMs: this.now() - begun, engine };
  }

  private askPrompt(decoder: WorkerDecoder, request: DecodeRequest, mostViews: number): Promise<Answered> {
    const { views, originalSize, prompts, starts, before, chosen, step, isExact } = request;
    const question = { views, originalSize, prompts, starts, before, chosen, step, isExact, mostViews };
    return decoder.answer(question, (view) => this.store.load(view));
  }

  /** Asked for before anything else is, so that the worker comes to it next. */
  private exactMask(
    { originalSize }: DecodeRequest,
    { sampled, candidates, chosen, decodedViews }: Answered,
  ): Promise<ColumnMask> {
    if (sampled.step === 1) return Promise.resolve(sampled.mask);
    const { cropBox } = decodedViews[decodedViews.length - 1].embedding;
    const mask = this.mask({ logits: candidates[chosen].maskLogits, originalSize, cropBox });
    mask.catch(() => undefined); // whoever still wants it hears of it
    return mask;
  }

  /** Ask the engine in use; where it fails again and again, the server. */
  private async ask<T>(
    work: (decoder: WorkerDecoder) => Promise<T>,
  ): Promise<{ readonly value: T; readonly engine: EngineName }> {
    const decoder = this.decoder ?? (await this.useServer());
    try {
      return { value: await work(decoder), engine: decoder.trial.engine };
    } catch (error) {
      const cause = toDecodeError(error);
      const isServer = decoder.trial.engine === "server";
      if (isServer || isDecodeError(cause, "embedding_missing", "embedding_mismatch", "bad_prompt")) throw cause;
      const server = await this.giveUpOn(decoder);
      return { value: await work(server), engine: server.trial.engine };
    }
  }

  /** The engine failed again and again: let the server answer, and say so. */
  private async giveUpOn(decoder: WorkerDecoder): Promise<WorkerDecoder> {
    if (this.isClosed) throw new DecodeError("closed", "The decoder was closed.");
    if (this.decoder && this.decoder !== decoder) return this.decoder;
    decoder.close();
    this.decoder = null;
    const server = await this.useServer();
    this.dependencies.onEngine?.(this.info());
    return server;
  }

  /** Answer clicks that nobody made while nothing else waits: a first touch has no hover before it that would. */
  private warmUp(embedding: EmbeddingRef): void {
    const { decoder, isWarm } = this;
    if (!decoder || isWarm || decoder.trial.engine === "server") return;
    this.isWarm = true;
    for (let i = 0; i < WARM_UPS; i++) {
      const answered = this.queue.add("prefetch", async () => {
        if (this.decoder !== decoder) return;
        const value = await this.askPrompt(decoder, { ...WARM_UP, views: [embedding] }, 1);
        for (const ms of value.viewMs) this.times.note(ms);
        await this.exactMask(WARM_UP, value);
        this.dependencies.warmUpPainting?.(value.sampled);
      });
      answered.catch(() => undefined); // a click meets the same trouble, and tells
    }
  }

  private whole() {
    if (!this.opened) throw new DecodeError("model_missing", "No model is open.");
    return this.opened;
  }
}

function shut(decoder: WorkerDecoder): void {
  decoder.close();
}

/** What a trial is worth for: these files of this version. */
function identityOf({ modelVersion, files }: Manifest): { version: string; checksum: string } {
  return { version: modelVersion, checksum: files.map(({ sha256 }) => sha256.slice(0, 6)).join("") };
}

/**
 * A decoder worker that outlives its workers: opens an engine, hands it embeddings as needed, and after a crash or
 * out-of-memory starts a new worker and asks again.
 */
import { DecodeError, isDecodeError } from "./errors";
import type { Manifest } from "./manifest";
import type { AnswerTo, LocalEngine, WorkerRequest } from "./protocol";
import type { PromptTokens } from "./prompt-tokens";
import type { EngineTrial } from "./types";
import { WorkerLink, type WorkerPort } from "./worker-link";

export type Decoded = AnswerTo<Extract<WorkerRequest, { type: "decode" }>>;
type OpenRequest = Extract<WorkerRequest, { type: "open" }>;
type PrepareRequest = Extract<WorkerRequest, { type: "prepare" }>;
type DecodeMessage = Extract<WorkerRequest, { type: "decode" }>;

/** The open image and the three to come: terms of the full decoder take 28 MB an image, those of sam_lite 8. */
const TERMS_BUDGET_BYTES = 120 * 2 ** 20;
/** After so many deaths in answering one prompt another worker would not help. */
const MOST_RESTARTS = 2;

export class WorkerDecoder {
  private readonly prepared = new Set<string>();

  private constructor(
    private link: WorkerLink,
    private readonly openLink: () => Promise<{ link: WorkerLink; trial: EngineTrial }>,
    readonly trial: EngineTrial,
  ) {}

  /** `known`: an earlier right trial of this engine, model and browser, which spares a new one. */
  static async open(
    createWorker: () => WorkerPort,
    manifestUrl: string,
    manifest: Manifest,
    engine: LocalEngine,
    known: EngineTrial | null,
  ): Promise<WorkerDecoder> {
    const openLink = async () => {
      const link = new WorkerLink(createWorker());
      const termsBudgetBytes = TERMS_BUDGET_BYTES;
      try {
        const isKnown = known !== null;
        const request = { type: "open", manifestUrl, manifest, engine, termsBudgetBytes, isKnown } as const;
        const answer = await link.request<OpenRequest>(request);
        const trial = answer.trial ?? known;
        if (!trial) throw new DecodeError("engine_failed", "The engine was opened without a trial.");
        return { link, trial };
      } catch (error) {
        link.close();
        throw error;
      }
    };
    const { link, trial } = await openLink();
    return new WorkerDecoder(link, openLink, trial);
  }

  /** Make an embedding ready; `load` gives its file. */
  async prepare(key: string, load: () => Promise<ArrayBuffer>): Promise<void> {
    if (this.prepared.has(key)) return;
    const npy = await load();
    await this.surviving(() => this.hand(key, npy.slice(0)));
  }

  /** Decode one prompt; a worker that dies of it is replaced and asked again. */
  async decode(
    key: string,
    tokens: PromptTokens,
    maskInput: Float32Array | null,
    load: () => Promise<ArrayBuffer>,
  ): Promise<Decoded> {
    return this.surviving(async () => {
      if (!this.prepared.has(key)) await this.hand(key, await load());
      return this.link.request<DecodeMessage>({ type: "decode", key, ...tokens, maskInput });
    });
  }

  close(): void {
    this.link.close();
  }

  private async hand(key: string, npy: ArrayBuffer): Promise<void> {
    const { evicted } = await this.link.request<PrepareRequest>({ type: "prepare", key, npy });
    for (const gone of evicted) this.prepared.delete(gone);
    this.prepared.add(key);
  }

  private async surviving<T>(run: () => Promise<T>): Promise<T> {
    for (let restarts = 0; ; restarts++) {
      try {
        return await run();
      } catch (error) {
        if (!isDecodeError(error, "engine_failed", "out_of_memory") || restarts >= MOST_RESTARTS) throw error;
        await this.restart();
      }
    }
  }

  private async restart(): Promise<void> {
    this.link.close();
    this.prepared.clear();
    ({ link: this.link } = await this.openLink());
  }
}

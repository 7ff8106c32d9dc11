/**
 * A decoder worker that outlives its workers: opens an engine, hands it embeddings as needed, and after a crash or
 * out-of-memory starts a new worker and asks again.
 */
import type { ColumnMask } from "../../geometry/column-mask";
import type { BoxXyxy, LowResLogits } from "../../geometry/types";
import type { EmbeddingRef } from "../../model/embedding-views";
import { DecodeError, isDecodeError } from "../protocol/errors";
import type { Manifest } from "../protocol/manifest";
import type { Answered, Question, ServerAddress, WorkerRequest } from "../protocol/messages";
import type { CropQuestion, EngineName, EngineTrial, MaskQuestion } from "../protocol/types";
import { WorkerLink, type WorkerPort } from "./worker-link";

type Request<Type extends WorkerRequest["type"]> = Extract<WorkerRequest, { type: Type }>;
type Load = (embedding: EmbeddingRef) => Promise<ArrayBuffer>;

/** What a worker is opened with. */
export interface OpenOptions {
  readonly createWorker: () => WorkerPort | Promise<WorkerPort>;
  readonly manifestUrl: string;
  readonly manifest: Manifest;
  readonly server: ServerAddress;
}

/** The open image and the three to come: the accelerator takes 28 MB an image with the full decoder, 14 with sam_lite. */
const BUDGET_BYTES = 120 * 2 ** 20;
/** After so many deaths in answering one prompt another worker would not help. */
const MOST_RESTARTS = 2;

export class WorkerDecoder {
  private readonly prepared = new Set<string>();
  private asked = 0;
  private restarting: Promise<void> | null = null;
  private isClosed = false;

  private constructor(
    private link: WorkerLink,
    private readonly openLink: () => Promise<{ link: WorkerLink; trial: EngineTrial }>,
    readonly trial: EngineTrial,
  ) {}

  /** `known`: an earlier right trial of this engine, model and browser, which spares a new one. */
  static async open(options: OpenOptions, engine: EngineName, known: EngineTrial | null): Promise<WorkerDecoder> {
    const openLink = () => openEngine(options, engine, known);
    const { link, trial } = await openLink();
    return new WorkerDecoder(link, openLink, trial);
  }

  /** Whether the worker holds an embedding: a prompt about it is answered at once. */
  isPrepared(key: string): boolean {
    return this.prepared.has(key);
  }

  /** Make an embedding ready; the server has its own. */
  async prepare(embedding: EmbeddingRef, load: Load): Promise<void> {
    if (this.prepared.has(embedding.key) || this.trial.engine === "server") return;
    const npy = await load(embedding);
    await this.surviving(() => this.hand(embedding.key, npy.slice(0)));
  }

  /** Answer one prompt; a worker that dies of it is replaced and asked again. */
  async answer(prompt: Omit<Question, "number">, load: Load): Promise<Answered> {
    const question = { ...prompt, number: ++this.asked };
    return this.surviving(async () => {
      await this.prepareFirst(question, load);
      // The engine keeps few embeddings: one that had to go is handed over once more.
      for (let tries = 0; tries <= question.views.length; tries++) {
        const answer = await this.link.request<Request<"answer">>({ type: "answer", question: copied(question) });
        if (answer.type === "answered") return answer;
        await this.handAgain(answer.key, question, load);
      }
      throw new DecodeError("out_of_memory", "The engine cannot hold the views of one answer.");
    });
  }

  async mask(question: MaskQuestion): Promise<ColumnMask> {
    const ask = () =>
      this.link.request<Request<"mask">>({ type: "mask", question: { ...question, logits: copy(question.logits) } });
    return (await this.surviving(ask)).mask;
  }

  async cropAround(question: CropQuestion): Promise<BoxXyxy | null> {
    const ask = () => {
      const candidates = question.candidates.map(({ maskLogits }) => ({ maskLogits: copy(maskLogits) }));
      return this.link.request<Request<"crop">>({ type: "crop", question: { ...question, candidates } });
    };
    return (await this.surviving(ask)).box;
  }

  close(): void {
    this.isClosed = true;
    this.link.close();
  }

  private async prepareFirst({ views }: Question, load: Load): Promise<void> {
    const [first] = views;
    if (this.trial.engine !== "server" && !this.prepared.has(first.key)) await this.hand(first.key, await load(first));
  }

  private async handAgain(key: string, { views }: Question, load: Load): Promise<void> {
    const view = views.find((one) => one.key === key);
    if (!view) throw new DecodeError("engine_failed", "The decoder asks for what nobody told it of.");
    this.prepared.delete(key);
    await this.hand(key, await load(view));
  }

  private async hand(key: string, npy: ArrayBuffer): Promise<void> {
    const { evicted } = await this.link.request<Request<"prepare">>({ type: "prepare", key, npy });
    for (const gone of evicted) this.prepared.delete(gone);
    this.prepared.add(key);
  }

  private async surviving<T>(run: () => Promise<T>): Promise<T> {
    for (let restarts = 0; ; restarts++) {
      const { link } = this;
      try {
        return await run();
      } catch (error) {
        if (!isDecodeError(error, "engine_failed", "out_of_memory") || restarts >= MOST_RESTARTS) throw error;
        await this.replace(link);
      }
    }
  }

  /** Start a worker in place of the one that failed: once, however many requests it left unanswered. */
  private async replace(failed: WorkerLink): Promise<void> {
    if (this.link === failed) this.restarting ??= this.restart().finally(() => (this.restarting = null));
    await this.restarting;
  }

  private async restart(): Promise<void> {
    this.link.close();
    this.prepared.clear();
    const { link } = await this.openLink();
    if (this.isClosed) link.close();
    this.link = link;
  }
}

async function openEngine(
  { createWorker, manifestUrl, manifest, server }: OpenOptions,
  engine: EngineName,
  known: EngineTrial | null,
): Promise<{ link: WorkerLink; trial: EngineTrial }> {
  const link = new WorkerLink(await createWorker());
  try {
    const budgetBytes = BUDGET_BYTES;
    const request = { type: "open", manifestUrl, manifest, engine, server, budgetBytes, known } as const;
    const answer = await link.request<Request<"open">>(request);
    const trial = answer.trial ?? known;
    if (!trial) throw new DecodeError("engine_failed", "The engine was opened without a trial.");
    return { link, trial };
  } catch (error) {
    link.close();
    throw error;
  }
}

/** Logits of their own, which can change hands: they may be part of a larger array, and are asked about again. */
function copy({ data, side }: LowResLogits): LowResLogits {
  return { data: data.slice(), side };
}

function copied(question: Question): Question {
  const { starts, before } = question;
  return {
    ...question,
    starts: starts.map((start) => ({ ...start, logits: copy(start.logits) })),
    before: before && { ...before, logits: copy(before.logits) },
  };
}

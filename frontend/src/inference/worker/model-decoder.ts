/**
 * A model's decoder in the worker: holds the embeddings that are ready, decodes prompts on them, tries the golden case.
 *
 * Knows nothing of images, prompts as people give them, messages, or how answers are computed (decoder-backend.ts).
 */
import { DecodeError } from "../protocol/errors";
import type { Manifest } from "../protocol/manifest";
import type { LocalEngine } from "../protocol/messages";
import type { EngineTrial } from "../protocol/types";
import { ByteLru } from "./byte-lru";
import type { DecodedPrompt, DecoderBackend, Feed, Feeds, PreparedImage } from "./decoder-backend";
import { readEmbedding } from "./embedding-file";
import { goldenEmbedding, goldenIou, goldenPrompt, SMALLEST_GOLDEN_IOU } from "./golden";

export interface DecodedLogits extends DecodedPrompt {
  readonly decodeMs: number;
}

const GOLDEN_RUNS = 5;

export class ModelDecoder {
  private readonly images: ByteLru<PreparedImage>;

  constructor(
    private readonly backend: DecoderBackend,
    private readonly manifest: Manifest,
    private readonly engine: LocalEngine,
    budgetBytes: number,
  ) {
    this.images = new ByteLru(budgetBytes, (image) => image.release());
  }

  /** Load what only refinements need; not while another call runs. */
  complete(): Promise<void> {
    return this.backend.complete();
  }

  /** Whether an embedding is ready. */
  holds(key: string): boolean {
    return this.images.has(key);
  }

  /** Make an embedding's file ready; returns the keys that had to be dropped for it. */
  async prepare(key: string, file: ArrayBuffer): Promise<string[]> {
    return this.prepareTensors(key, readEmbedding(file, this.manifest.embedding));
  }

  /** Answer one prompt. The key's embedding must have been prepared. */
  async decode(
    key: string,
    coords: Float32Array,
    labels: Int32Array,
    maskInput: Float32Array | null,
  ): Promise<DecodedLogits> {
    const image = this.images.get(key);
    if (!image) throw new DecodeError("embedding_missing", "The embedding was not prepared.");
    const count = labels.length;
    const { maskSide } = this.manifest;
    const prompt: Record<string, Feed> = {
      point_coords: { type: "float32", data: coords, dims: [1, count, 2] },
      point_labels: { type: "int32", data: labels, dims: [1, count] },
    };
    if (maskInput) prompt.mask_input = { type: "float32", data: maskInput, dims: [1, 1, maskSide, maskSide] };
    const start = performance.now();
    const answer = await this.backend.decode(image, prompt);
    return { ...answer, decodeMs: performance.now() - start };
  }

  /** Decode the golden case and measure it. */
  async tryGolden(): Promise<EngineTrial> {
    const { golden, embedding } = this.manifest;
    await this.prepareTensors("golden", goldenEmbedding(golden.seed, embedding));
    const { coords, labels } = goldenPrompt(golden);
    const times: number[] = [];
    let iou = 1;
    for (let run = 0; run < GOLDEN_RUNS; run++) {
      const answer = await this.decode("golden", coords, labels, null);
      times.push(answer.decodeMs);
      iou = Math.min(iou, goldenIou(this.manifest, answer.logits, answer.predictedIou));
    }
    this.images.clear();
    times.sort((a, b) => a - b);
    return {
      engine: this.engine,
      isAccelerated: this.backend.isAccelerated,
      isCorrect: iou >= SMALLEST_GOLDEN_IOU,
      goldenIou: iou,
      medianMs: times[times.length >> 1],
      threads: this.backend.threads,
    };
  }

  private async prepareTensors(key: string, embedding: Feeds): Promise<string[]> {
    const image = await this.backend.prepare(embedding);
    return this.images.set(key, image, image.bytes);
  }
}

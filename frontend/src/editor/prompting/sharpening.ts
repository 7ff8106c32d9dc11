/**
 * Sharpen: encode a crop around the mask on the screen, flipped too where the model's policy flips, and decode the same
 * prompts again with it. Until that is done the mask stays as it is.
 */
import type { BoxXyxy, Size } from "../../geometry/types";
import type { Draft } from "../../model/draft";
import type { EmbeddingRef } from "../../model/embedding-views";
import { Store } from "../../model/store";
import type { Crop } from "./crop-embeddings";
import type { Decoder } from "./decoder-port";

export interface SharpeningPort {
  readonly decoder: Decoder;
  /** The embedding of a crop, waited for; null when it does not come in good time. */
  fetchCrop(crop: Crop, signal: AbortSignal): Promise<EmbeddingRef | null>;
  /** The crop is there: ask the draft's prompts again. */
  onReady(draft: Draft): void;
  /** Nothing comes of it: there is no more detail to show, or the crop did not come. */
  onNothing(reason: "detail" | "late"): void;
}

export class Sharpening {
  readonly isUnderWay = new Store(false);
  private running: AbortController | null = null;

  constructor(
    private readonly port: SharpeningPort,
    private readonly imageSize: Size,
  ) {}

  async begin(draft: Draft): Promise<void> {
    this.stop();
    const run = new AbortController();
    this.running = run;
    this.isUnderWay.set(true);
    const found = await this.fetchCloser(draft, run.signal).catch(() => "late" as const);
    if (this.running !== run) return;
    this.stop();
    if (found === "ready") this.port.onReady(draft);
    else this.port.onNothing(found);
  }

  /** Give up: the person goes on. */
  stop(): void {
    this.running?.abort();
    this.running = null;
    this.isUnderWay.set(false);
  }

  private async fetchCloser(draft: Draft, signal: AbortSignal): Promise<"ready" | "detail" | "late"> {
    const box = await this.port.decoder.cropAround(draft, this.imageSize);
    if (!box) return "detail";
    return (await this.fetchAll(box, signal)) ? "ready" : "late";
  }

  private async fetchAll(box: BoxXyxy, signal: AbortSignal): Promise<boolean> {
    const ways = this.port.decoder.uses.flip ? [false, true] : [false];
    const found = await Promise.all(ways.map((isFlipped) => this.port.fetchCrop({ box, isFlipped }, signal)));
    return found.every((one) => one !== null);
  }
}

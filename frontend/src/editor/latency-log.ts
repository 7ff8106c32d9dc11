/**
 * How long clicks took, for the bar above the photo and, in batches, for the project's dashboard: the model's own time,
 * and from the click to the frame that shows its mask.
 */
import type { LatencySample, WorkspaceApi } from "../api/workspace-api";
import { browserName } from "../inference/browser-name";
import type { LatencyFigures } from "../model/workspace";
import type { Stores } from "./stores";

const KEPT = 60;
const SEND_EVERY = 20;

export class LatencyLog {
  private decodes: number[] = [];
  private paints: number[] = [];
  private unsent: LatencySample[] = [];

  constructor(
    private readonly projectId: number,
    private readonly api: WorkspaceApi,
    private readonly stores: Stores,
    private readonly modelVersion: string,
  ) {}

  noteDecode(kind: "hover" | "click", ms: number): void {
    this.keep(`decode_${kind}`, ms);
    if (kind === "hover") return;
    this.decodes = [...this.decodes, ms].slice(-KEPT);
    this.stores.engine.update((engine) => ({ ...engine, decode: figuresOf(this.decodes) }));
  }

  /** The mask of a click made at `askedAt` (performance.now()) is about to be painted: note when it is. */
  notePaint(askedAt: number): void {
    // Asked for after the layers asked for theirs, so it runs once they have drawn this frame.
    requestAnimationFrame(() => {
      const ms = performance.now() - askedAt;
      this.keep("click_to_paint", ms);
      this.paints = [...this.paints, ms].slice(-KEPT);
      this.stores.engine.update((engine) => ({ ...engine, clickToPaint: figuresOf(this.paints) }));
    });
  }

  private keep(kind: string, ms: number): void {
    this.unsent.push({
      kind,
      engine: this.stores.engine.get().name,
      browser: browserName(navigator.userAgent),
      model_version: this.modelVersion,
      value_ms: Math.round(ms * 10) / 10,
    });
    if (this.unsent.length >= SEND_EVERY) this.send();
  }

  private send(): void {
    const samples = this.unsent;
    this.unsent = [];
    // A figure lost is no loss to the person at work, so nobody is told.
    this.api.sendLatency(this.projectId, samples).catch(() => undefined);
  }
}

/** Median and 95th percentile, nearest rank; `values` must not be empty. */
export function figuresOf(values: readonly number[]): LatencyFigures {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  return { p50Ms: at(0.5), p95Ms: at(0.95) };
}

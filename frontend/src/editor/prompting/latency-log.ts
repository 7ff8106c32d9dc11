/**
 * How long clicks took, for the bar above the photo and, in batches, for the project's dashboard: the model's own time,
 * and from the click to the frame that shows its mask.
 */
import type { LatencySample, WorkspaceApi } from "../../api/workspace-api";
import { browserName } from "../../inference/client/browser-name";
import type { EngineStatus, LatencyFigures } from "../../model/workspace";
import { userAgent } from "../../platform/abilities";
import type { Stores } from "../state/stores";

const KEPT = 60;
const SEND_EVERY = 20;
/** Fewer clicks have no median worth a word: the first one of a page compiles and allocates as none after it. */
const ENOUGH = 5;

export class LatencyLog {
  private decodes: number[] = [];
  private paints: number[] = [];
  private unsent: LatencySample[] = [];
  private measured = "";
  /** What was asked before is not measured: the engine was still opening, or the page could not be seen. */
  private since = Infinity;

  constructor(
    private readonly projectId: number,
    private readonly api: WorkspaceApi,
    private readonly stores: Stores,
    private readonly page: Pick<Document, "hidden" | "addEventListener"> = document,
  ) {
    stores.engine.subscribe(() => this.follow(stores.engine.get()));
    this.follow(stores.engine.get());
    page.addEventListener("visibilitychange", () => (this.since = performance.now()));
  }

  noteDecode(kind: "hover" | "click", ms: number): void {
    this.keep(`decode_${kind}`, ms);
    if (kind === "hover") return;
    this.decodes = [...this.decodes, ms].slice(-KEPT);
    this.show();
  }

  /** The mask of a click made at `askedAt` (performance.now()) is about to be painted: note when it is. */
  notePaint(askedAt: number): void {
    // Asked for after the layers asked for theirs, so it runs once they have drawn this frame.
    requestAnimationFrame(() => {
      const ms = performance.now() - askedAt;
      // A page in the background makes no frames: this one may come minutes after the click.
      if (this.page.hidden || askedAt < this.since) return;
      this.keep("click_to_paint", ms);
      this.paints = [...this.paints, ms].slice(-KEPT);
      this.show();
    });
  }

  /** Figures are of one model on one engine: another of either begins anew. */
  private follow(status: EngineStatus): void {
    const { state, modelVersion } = status;
    const measured = `${modelVersion} ${engineOf(status)}`;
    if (measured !== this.measured) {
      this.measured = measured;
      [this.decodes, this.paints] = [[], []];
      this.show();
    }
    if (state === "loading" || state === "failed") this.since = Infinity;
    else if (this.since === Infinity) this.since = performance.now();
  }

  private show(): void {
    const [decode, clickToPaint] = [this.decodes, this.paints].map(figuresOf);
    this.stores.engine.update((engine) => ({ ...engine, decode, clickToPaint }));
  }

  private keep(kind: string, ms: number): void {
    const status = this.stores.engine.get();
    this.unsent.push({
      kind,
      engine: engineOf(status),
      browser: browserName(userAgent()),
      model_version: status.modelVersion,
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

/** The engine as figures name it: on WebAssembly, a model's plain graphs are told from its accelerator. */
function engineOf({ name, isAccelerated }: EngineStatus): string {
  return name.startsWith("wasm") && !isAccelerated ? `${name} plain` : name;
}

/** Median and 95th percentile, nearest rank; null where there are too few values to say. */
export function figuresOf(values: readonly number[]): LatencyFigures | null {
  if (values.length < ENOUGH) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  return { p50Ms: at(0.5), p95Ms: at(0.95) };
}

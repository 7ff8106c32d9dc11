/** How long the model took, for the bar above the photo and, in batches, for the project's dashboard. */
import type { LatencySample, WorkspaceApi } from "../api/workspace-api";
import { browserName } from "../inference/browser-name";
import type { Stores } from "./stores";

const KEPT = 60;
const SEND_EVERY = 20;

export class LatencyLog {
  private recent: number[] = [];
  private unsent: LatencySample[] = [];

  constructor(
    private readonly projectId: number,
    private readonly api: WorkspaceApi,
    private readonly stores: Stores,
    private readonly modelVersion: string,
  ) {}

  note(kind: "hover" | "click", ms: number): void {
    this.recent = [...this.recent, ms].slice(-KEPT);
    const medianMs = medianOf(this.recent);
    this.stores.engine.update((engine) => ({ ...engine, medianMs }));
    this.unsent.push({
      kind: `decode_${kind}`,
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

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

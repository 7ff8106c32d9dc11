/** Keeps latencies of this page, gives their percentiles, and sends them to the server in batches. */
import type { EngineName } from "./types";

export type LatencyKind = "decode" | "hover" | "click_to_paint";

export interface LatencySample {
  readonly kind: LatencyKind;
  readonly engine: EngineName;
  readonly browser: string;
  readonly model_version: string;
  readonly value_ms: number;
}

export interface LatencySummary {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
}

const KEPT_PER_KIND = 500;
export const BATCH_SIZE = 50;
const MAX_WAITING = 500; // as many as the server takes at once

export class LatencyMeter {
  private readonly recent = new Map<LatencyKind, number[]>();
  private waiting: LatencySample[] = [];

  /** send: takes a batch; a batch that it rejects is kept for the next try. */
  constructor(
    private readonly about: { readonly browser: string; readonly modelVersion: string },
    private readonly send: (samples: readonly LatencySample[]) => Promise<unknown>,
  ) {}

  record(kind: LatencyKind, engine: EngineName, ms: number): void {
    const values = this.recent.get(kind) ?? [];
    values.push(ms);
    if (values.length > KEPT_PER_KIND) values.shift();
    this.recent.set(kind, values);
    const { browser, modelVersion } = this.about;
    this.waiting.push({ kind, engine, browser, model_version: modelVersion, value_ms: ms });
    if (this.waiting.length > MAX_WAITING) this.waiting.shift();
    if (this.waiting.length % BATCH_SIZE === 0) void this.flush();
  }

  summary(kind: LatencyKind): LatencySummary | null {
    const values = this.recent.get(kind);
    if (!values || values.length === 0) return null;
    const sorted = [...values].sort((a, b) => a - b);
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
    return { count: sorted.length, p50: at(0.5), p95: at(0.95) };
  }

  /** Send what waits; also to be called when the page is hidden. */
  async flush(): Promise<void> {
    const batch = this.waiting;
    if (batch.length === 0) return;
    this.waiting = [];
    try {
      await this.send(batch);
    } catch {
      this.waiting = [...batch, ...this.waiting].slice(-MAX_WAITING); // figures, not work: the next batch takes them
    }
  }
}

/** Name and major version of a browser, from its user agent. */
export function browserName(userAgent: string): string {
  for (const [name, pattern] of BROWSERS) {
    const version = pattern.exec(userAgent)?.[1];
    if (version) return `${name} ${version}`;
  }
  return "other";
}

const BROWSERS: readonly (readonly [string, RegExp])[] = [
  ["Edge", /Edg\/(\d+)/],
  ["Opera", /OPR\/(\d+)/],
  ["Chrome", /Chrome\/(\d+)/],
  ["Firefox", /Firefox\/(\d+)/],
  ["Safari", /Version\/(\d+).*Safari/],
];

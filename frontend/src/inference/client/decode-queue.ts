/**
 * What runs next: clicks in their order and none lost, of the hovers only the newest, prefetches when nothing else waits.
 * A click makes every hover before it stale, the running one included. One job at a time.
 */
import { DecodeError } from "../protocol/errors";

export type JobKind = "click" | "hover" | "prefetch";

interface Job {
  readonly kind: JobKind;
  readonly run: () => Promise<unknown>;
  readonly settle: { resolve(value: unknown): void; reject(error: unknown): void };
  isStale: boolean;
}

export class DecodeQueue {
  private readonly clicks: Job[] = [];
  private hover: Job | null = null;
  private readonly prefetches: Job[] = [];
  private running: Job | null = null;

  /** Add a job; its promise settles as `run` does, or rejects with `stale`, `aborted` or `closed`. */
  add<T>(kind: JobKind, run: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (signal?.aborted) return Promise.reject(aborted());
    return new Promise<T>((resolve, reject) => {
      const job: Job = { kind, run, settle: { resolve: resolve, reject }, isStale: false };
      signal?.addEventListener("abort", () => this.withdraw(job), { once: true });
      this.place(job);
      void this.advance();
    });
  }

  /** Reject whatever waits; the running job's answer is dropped. */
  clear(): void {
    const error = new DecodeError("closed", "The decoder was closed.");
    for (const job of [...this.clicks, this.hover, ...this.prefetches, this.running]) job?.settle.reject(error);
    this.clicks.length = 0;
    this.prefetches.length = 0;
    this.hover = null;
  }

  private place(job: Job): void {
    switch (job.kind) {
      case "click":
        this.dropHovers();
        this.clicks.push(job);
        break;
      case "hover":
        this.hover?.settle.reject(stale());
        this.hover = job;
        break;
      case "prefetch":
        this.prefetches.push(job);
        break;
    }
  }

  private dropHovers(): void {
    this.hover?.settle.reject(stale());
    this.hover = null;
    if (this.running?.kind === "hover") {
      this.running.isStale = true;
      this.running.settle.reject(stale());
    }
  }

  private withdraw(job: Job): void {
    job.settle.reject(aborted());
    if (this.hover === job) this.hover = null;
    for (const list of [this.clicks, this.prefetches]) {
      const place = list.indexOf(job);
      if (place >= 0) list.splice(place, 1);
    }
  }

  private next(): Job | null {
    const click = this.clicks.shift();
    if (click) return click;
    const hover = this.hover;
    this.hover = null;
    return hover ?? this.prefetches.shift() ?? null;
  }

  private async advance(): Promise<void> {
    if (this.running) return;
    for (let job = this.next(); job; job = this.next()) {
      this.running = job;
      try {
        const value = await job.run();
        if (!job.isStale) job.settle.resolve(value);
      } catch (error) {
        job.settle.reject(error);
      }
      this.running = null;
    }
  }
}

function stale(): DecodeError {
  return new DecodeError("stale", "A newer request took this one's place.");
}

function aborted(): DecodeError {
  return new DecodeError("aborted", "The request was withdrawn.");
}

/** Counts the time a person is at work: gaps between signs of life count, longer pauses do not. */

export const IDLE_AFTER_MS = 30_000;

export class ActiveClock {
  private total = 0;
  private lastSeen: number | null = null;

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** The person moved, typed or clicked. */
  touch(): void {
    const now = this.now();
    const gap = this.lastSeen === null ? 0 : now - this.lastSeen;
    if (gap <= IDLE_AFTER_MS) this.total += gap;
    this.lastSeen = now;
  }

  get activeMs(): number {
    return Math.round(this.total);
  }

  /** Give the time since the last call and start anew. */
  take(): number {
    const taken = this.activeMs;
    this.total = 0;
    return taken;
  }
}

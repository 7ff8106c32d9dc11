/**
 * Tells the server, as long as somebody is at work, that the image is still in that person's hands.
 *
 * A claim that is over is told once, at once when the person comes back; what was saved stays, and saving goes on.
 */
import { ApiError } from "../../api/http";

export const BEAT_EVERY_MS = 60_000;
/** Whoever does nothing for this long gives the image to others when the claim runs out. */
export const AT_WORK_MS = 300_000;

export interface LeasePorts {
  heartbeat(imageId: number): Promise<unknown>;
  imageId(): number | null;
  tellLost(): void;
  now(): number;
}

export class LeaseKeeper {
  private lastSeen: number;
  private lostImage: number | null = null;

  constructor(private readonly ports: LeasePorts) {
    this.lastSeen = ports.now();
  }

  /** The person moved, typed or clicked; after a silence the claim may have gone to somebody else meanwhile. */
  touch(): void {
    const silent = this.ports.now() - this.lastSeen;
    this.lastSeen = this.ports.now();
    if (silent > BEAT_EVERY_MS) void this.beat();
  }

  /** Send one sign of life for the image that is open. */
  async beat(): Promise<void> {
    const imageId = this.ports.imageId();
    const isAway = this.ports.now() - this.lastSeen > AT_WORK_MS;
    if (imageId === null || imageId === this.lostImage || isAway) return;
    try {
      await this.ports.heartbeat(imageId);
    } catch (error) {
      // Without a network the next beat tries again; the server believes a claim for a while without one.
      if (!(error instanceof ApiError) || error.code !== "held_by_other") return;
      this.lostImage = imageId;
      this.ports.tellLost();
    }
  }

  /** Beat until the returned function is called. */
  start(): () => void {
    const beat = (): void => void this.beat();
    const timer = setInterval(beat, BEAT_EVERY_MS);
    globalThis.addEventListener("online", beat);
    return () => {
      clearInterval(timer);
      globalThis.removeEventListener("online", beat);
    };
  }
}

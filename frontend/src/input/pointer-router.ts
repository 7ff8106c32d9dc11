/**
 * Sorts raw pointers into what they mean: for the tool, a pan, or a zoom. Pure: it returns effects and touches nothing.
 *
 * Middle button or Space-drag pans; two fingers pan and pinch. A pen comes first: it takes over from a finger that was
 * down before it, touches beside it count for nothing, and shortly after it a single touch is still the palm.
 */
import { screenPoint, type ScreenPoint } from "../geometry/types";

export interface RawPointer {
  readonly id: number;
  readonly type: "down" | "move" | "up" | "cancel" | "leave";
  readonly at: ScreenPoint;
  readonly button: number;
  readonly device: "mouse" | "touch" | "pen";
  readonly timeMs: number;
}

export type PointerEffect =
  | {
      readonly kind: "tool";
      readonly phase: "down" | "move" | "up" | "cancel";
      readonly at: ScreenPoint;
      readonly button: 0 | 2;
    }
  | { readonly kind: "pan"; readonly dx: number; readonly dy: number }
  | { readonly kind: "zoom"; readonly anchor: ScreenPoint; readonly factor: number };

/** How long after a pen's last sign a touch is still taken for the palm. */
const PALM_MS = 1500;

type Mode = "idle" | "tool" | "pan" | "pinch";

export class PointerRouter {
  private readonly down = new Map<number, ScreenPoint>();
  private mode: Mode = "idle";
  private toolPointer = -1;
  private penPointer = -1;
  private button: 0 | 2 = 0;
  private penSeenMs = -Infinity;
  isSpaceHeld = false;

  handle(raw: RawPointer): PointerEffect[] {
    if (raw.device === "pen") this.penSeenMs = raw.timeMs;
    switch (raw.type) {
      case "down":
        return this.press(raw);
      case "move":
        return this.drag(raw);
      case "up":
        return this.release(raw, "up");
      case "cancel":
        return this.release(raw, "cancel");
      case "leave":
        return this.mode === "idle" ? [this.toTool("cancel", raw.at)] : [];
    }
  }

  private press(raw: RawPointer): PointerEffect[] {
    if (raw.device === "touch" && this.penPointer >= 0) return [];
    const taken = raw.device === "pen" ? this.takeFromFingers(raw) : [];
    this.down.set(raw.id, raw.at);
    return [...taken, ...this.begin(raw)];
  }

  /** A palm lies down before its pen does: forget the touches, take back what the first of them began. */
  private takeFromFingers(raw: RawPointer): PointerEffect[] {
    const cancelled = this.mode === "tool" ? [this.toTool("cancel", raw.at)] : [];
    this.down.clear();
    this.mode = "idle";
    this.penPointer = raw.id;
    return cancelled;
  }

  private begin(raw: RawPointer): PointerEffect[] {
    if (raw.device === "touch" && this.down.size === 2) {
      const cancelled: PointerEffect[] = this.mode === "tool" ? [this.toTool("cancel", raw.at)] : [];
      this.mode = "pinch";
      return cancelled;
    }
    if (this.mode !== "idle") return [];
    if (raw.device === "touch" && raw.timeMs - this.penSeenMs < PALM_MS) return [];
    if (raw.button === 1 || this.isSpaceHeld) {
      this.mode = "pan";
      return [];
    }
    this.mode = "tool";
    this.toolPointer = raw.id;
    this.button = raw.button === 2 ? 2 : 0;
    return [this.toTool("down", raw.at)];
  }

  private drag(raw: RawPointer): PointerEffect[] {
    const before = this.down.get(raw.id);
    if (!before) return this.mode === "idle" && raw.device !== "touch" ? [this.toTool("move", raw.at)] : [];
    if (this.mode === "pinch") return this.pinch(raw, before);
    this.down.set(raw.id, raw.at);
    if (this.mode === "pan") return [{ kind: "pan", dx: raw.at.x - before.x, dy: raw.at.y - before.y }];
    return raw.id === this.toolPointer ? [this.toTool("move", raw.at)] : [];
  }

  private pinch(raw: RawPointer, before: ScreenPoint): PointerEffect[] {
    const other = [...this.down].find(([id]) => id !== raw.id)?.[1];
    this.down.set(raw.id, raw.at);
    if (!other) return [];
    const factor = spread(raw.at, other) / Math.max(spread(before, other), 1);
    const anchor = screenPoint((raw.at.x + other.x) / 2, (raw.at.y + other.y) / 2);
    return [
      { kind: "zoom", anchor, factor },
      { kind: "pan", dx: (raw.at.x - before.x) / 2, dy: (raw.at.y - before.y) / 2 },
    ];
  }

  private release(raw: RawPointer, phase: "up" | "cancel"): PointerEffect[] {
    if (raw.id === this.penPointer) this.penPointer = -1;
    if (!this.down.delete(raw.id)) return [];
    const wasTool = this.mode === "tool" && raw.id === this.toolPointer;
    if (wasTool || this.down.size === 0) this.mode = "idle";
    if (wasTool) this.toolPointer = -1;
    return wasTool ? [this.toTool(phase, raw.at)] : [];
  }

  private toTool(phase: "down" | "move" | "up" | "cancel", at: ScreenPoint): PointerEffect {
    return { kind: "tool", phase, at, button: this.button };
  }
}

function spread(a: ScreenPoint, b: ScreenPoint): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

/**
 * What a click at the cursor would give, computed while the cursor rests there. The click itself takes the answer over,
 * finished or still under way, so that nothing is computed twice.
 */
import type { ImagePoint } from "../../geometry/types";
import type { SampledMask } from "../../geometry/upsample";
import type { DecodeResult } from "../../inference/protocol/types";

export interface HoverPort {
  /** Ask for a foreground click; null while there is no embedding. */
  ask(point: ImagePoint, signal: AbortSignal): Promise<DecodeResult | null>;
  onFailed(error: unknown): void;
  onChanged(): void;
}

interface Question {
  readonly point: ImagePoint;
  readonly control: AbortController;
  readonly answer: Promise<DecodeResult | null>;
}

export class HoverPreview {
  /** The mask under the cursor. */
  shown: SampledMask | null = null;
  private point: ImagePoint | null = null;
  private running: Question | null = null;
  private last: Question | null = null;

  constructor(private readonly port: HoverPort) {}

  /** The cursor is here now. One question at a time; the newest place is asked next. */
  move(point: ImagePoint): void {
    this.point = point;
    if (!this.running && !isSame(point, this.last?.point)) void this.run();
  }

  clear(): void {
    this.running?.control.abort();
    this.forget();
  }

  /** Give up the answer to a click here, for the click to use; null when none was asked for. The preview ends. */
  take(point: ImagePoint): Promise<DecodeResult | null> | null {
    const question = this.running ?? this.last;
    if (!question || !isSame(point, question.point)) return null;
    this.forget();
    return question.answer;
  }

  private forget(): void {
    this.running = this.last = this.point = null;
    if (!this.shown) return;
    this.shown = null;
    this.port.onChanged();
  }

  private async run(): Promise<void> {
    for (let point = this.point; point; point = this.next()) {
      const question = this.begin(point);
      try {
        const answer = await question.answer;
        if (this.running !== question) return;
        if (answer) {
          this.shown = answer.sampled;
          this.port.onChanged();
        }
        this.last = answer && question;
      } catch (error) {
        if (this.running !== question) return;
        this.running = this.last = null;
        this.port.onFailed(error);
        return;
      }
    }
    this.running = null;
  }

  private begin(point: ImagePoint): Question {
    const control = new AbortController();
    this.running = { point, control, answer: this.port.ask(point, control.signal) };
    return this.running;
  }

  /** Where the cursor has moved to meanwhile; null when it rests. */
  private next(): ImagePoint | null {
    return isSame(this.point, this.running?.point) ? null : this.point;
  }
}

function isSame(a: ImagePoint | null, b: ImagePoint | undefined): boolean {
  return a?.x === b?.x && a?.y === b?.y;
}

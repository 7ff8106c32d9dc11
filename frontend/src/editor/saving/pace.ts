/** How many masks a person made today on this browser, and how fast. */
import type { Pace } from "../../model/workspace";
import { readJson, type SmallStorage } from "../../platform/small-storage";

interface Kept {
  readonly day: string;
  readonly masks: number;
  readonly activeMs: number;
}

export class PaceKeeper {
  constructor(
    private readonly storage: Pick<SmallStorage, "getItem" | "setItem">,
    private readonly key: string,
    private readonly today: () => string = () => new Date().toDateString(),
  ) {}

  add(activeMs: number): Pace {
    const kept = this.read();
    this.storage.setItem(
      this.key,
      JSON.stringify({ ...kept, masks: kept.masks + 1, activeMs: kept.activeMs + activeMs }),
    );
    return this.pace();
  }

  pace(): Pace {
    const { masks, activeMs } = this.read();
    return { masks, secondsPerMask: masks === 0 ? 0 : activeMs / masks / 1000 };
  }

  private read(): Kept {
    const kept = readJson(this.storage, this.key) as Kept | null;
    return kept?.day === this.today() ? kept : { day: this.today(), masks: 0, activeMs: 0 };
  }
}

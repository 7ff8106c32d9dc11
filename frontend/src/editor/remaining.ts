/** "What is left": measures the parts of the photo that no mask covers, and walks from gap to gap. */
import { findGaps, measureCoverage, uncoveredShare, type Gap } from "../geometry/coverage";
import type { BoxXyxy } from "../geometry/types";
import type { Remaining } from "../model/work";
import { isShown } from "./scene";
import type { Stores } from "./stores";
import type { Viewing } from "./viewing";

/** How much of the surroundings of a gap is shown, as a multiple of its radius. */
const MARGIN = 1.3;

export interface RemainingPorts {
  readonly stores: Stores;
  readonly viewing: Pick<Viewing, "showBox" | "overlayChanged">;
  tellNoGaps(): void;
}

export class RemainingDesk {
  constructor(private readonly ports: RemainingPorts) {
    for (const store of [ports.stores.masks, ports.stores.suggestions, ports.stores.image]) {
      store.subscribe(() => this.follow());
    }
  }

  toggle(): void {
    const { remaining } = this.ports.stores;
    remaining.set(remaining.get() === null ? this.measure() : null);
    this.ports.viewing.overlayChanged();
  }

  /** Go to the next gap, the largest first; shows the heat map when it was hidden. */
  goToNextGap(): void {
    const { remaining } = this.ports.stores;
    const known = remaining.get() ?? this.measure();
    if (!known || known.gaps.length === 0) {
      remaining.set(known);
      this.ports.tellNoGaps();
      return;
    }
    const at = (known.at + 1) % known.gaps.length;
    remaining.set({ ...known, at });
    this.ports.viewing.showBox(this.surroundings(known.gaps[at]));
    this.ports.viewing.overlayChanged();
  }

  /** The gap with a margin, as far as the photo reaches, so that no jump shows the empty stage. */
  private surroundings({ middle, radius }: Gap): BoxXyxy {
    const { width = 0, height = 0 } = this.ports.stores.image.get()?.size ?? {};
    const reach = radius * MARGIN;
    return {
      x0: Math.max(middle.x - reach, 0),
      y0: Math.max(middle.y - reach, 0),
      x1: Math.min(middle.x + reach, width),
      y1: Math.min(middle.y + reach, height),
    };
  }

  /** Measure again after a change; the walk starts over, for the gaps are others. */
  private follow(): void {
    const { remaining } = this.ports.stores;
    if (remaining.get() === null) return;
    remaining.set(this.measure());
    this.ports.viewing.overlayChanged();
  }

  private measure(): Remaining | null {
    const { stores } = this.ports;
    const image = stores.image.get();
    if (!image) return null;
    const filter = stores.suggestions.get();
    const shown = stores.masks.get().filter((record) => isShown(record, filter));
    const coverage = measureCoverage(
      shown.map(({ mask }) => mask),
      image.size,
    );
    return { coverage, share: uncoveredShare(coverage), gaps: findGaps(coverage), at: -1 };
  }
}

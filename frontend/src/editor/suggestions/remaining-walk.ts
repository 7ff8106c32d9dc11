/**
 * "What is left": measures the parts of the photo that no mask covers, and walks from place to place, those first where
 * the model takes something for an object.
 */
import { maskContains } from "../../geometry/column-mask";
import { findGaps, measureCoverage, uncoveredShare } from "../../geometry/coverage";
import { questionsFor, rankPlaces, withSurroundings, type Proposal } from "../../geometry/places";
import type { BoxXyxy, ImagePoint } from "../../geometry/types";
import { isShown } from "../../model/suggestion-filter";
import type { Remaining } from "../../model/work";
import type { Stores } from "../state/stores";
import type { Viewing } from "../viewing/viewing";

/** So many questions are asked in any case, and more for as long as people wait; the rest is asked the next time. */
const LEAST_QUESTIONS = 8;
const PATIENCE_MS = 2000;

export interface RemainingPorts {
  readonly stores: Stores;
  readonly viewing: Pick<Viewing, "showBox" | "overlayChanged">;
  /** What the model takes for an object at a place; null where it gives no answer. */
  propose(point: ImagePoint, signal: AbortSignal): Promise<Proposal | null>;
  readonly tellNoGaps: () => void;
}

export class RemainingWalk {
  /** What the model was asked about the open image so far. */
  private readonly answers = new Map<string, Proposal | null>();
  private asking: AbortController | null = null;
  /** Where the walk has been. */
  private readonly seen = new Set<string>();

  constructor(private readonly ports: RemainingPorts) {
    const { masks, suggestions, image, draft } = ports.stores;
    for (const store of [masks, suggestions]) store.subscribe(() => this.follow());
    let open = image.get()?.id;
    image.subscribe(() => {
      if (image.get()?.id === open) return;
      open = image.get()?.id;
      this.answers.clear();
      this.seen.clear();
      this.asking?.abort();
      this.follow();
    });
    // Whoever goes on with a mask has found a place.
    draft.subscribe(() => draft.get() && this.asking?.abort());
  }

  toggle(): void {
    const { remaining } = this.ports.stores;
    remaining.set(remaining.get() === null ? this.measure() : null);
    this.ports.viewing.overlayChanged();
  }

  /** Go to the next place, the likeliest first; shows the heat map when it was hidden. */
  async goToNextGap(): Promise<void> {
    const { remaining } = this.ports.stores;
    const known = remaining.get() ?? this.measure();
    if (!known || known.isAsking) return;
    const isWanted = await this.ask(known);
    const found = remaining.get();
    if (found && isWanted) this.goOn(found);
  }

  private goOn(found: Remaining): void {
    const { stores, viewing, tellNoGaps } = this.ports;
    const size = stores.image.get()?.size;
    if (found.places.length === 0 || !size) {
      tellNoGaps();
      return;
    }
    const unseen = found.places.findIndex(({ box }) => !this.seen.has(nameOf(box)));
    if (unseen < 0) this.seen.clear();
    const at = Math.max(unseen, 0);
    this.seen.add(nameOf(found.places[at].box));
    stores.remaining.set({ ...found, at, visited: this.seen.size });
    viewing.showBox(withSurroundings(found.places[at].box, size));
    viewing.overlayChanged();
  }

  /** Ask the model about what is not covered, as long as somebody has the patience; false when they went on. */
  private async ask(known: Remaining): Promise<boolean> {
    const { remaining } = this.ports.stores;
    const asking = new AbortController();
    const isOver = (): boolean => asking.signal.aborted;
    this.asking = asking;
    remaining.set({ ...known, isAsking: true });
    const end = performance.now() + PATIENCE_MS;
    const open = questionsFor(known.coverage, findGaps(known.coverage)).filter((at) => !this.answers.has(keyOf(at)));
    for (const [count, point] of open.entries()) {
      if (isOver() || (count >= LEAST_QUESTIONS && performance.now() > end)) break;
      // What a person asks meanwhile comes first; the question is put again the next time.
      const answer = await this.ports.propose(point, asking.signal).catch(() => undefined);
      if (answer !== undefined && !isOver()) this.answers.set(keyOf(point), answer);
    }
    if (this.asking !== asking) return false;
    this.asking = null;
    remaining.set(this.measure());
    return !isOver();
  }

  /** Measure again after a change; the walk goes on with the places that are left. */
  private follow(): void {
    const { remaining } = this.ports.stores;
    const known = remaining.get();
    if (known === null) return;
    const measured = this.measure();
    remaining.set(measured && { ...measured, isAsking: known.isAsking && this.asking !== null });
    this.ports.viewing.overlayChanged();
  }

  private measure(): Remaining | null {
    const { stores } = this.ports;
    const image = stores.image.get();
    if (!image) return null;
    const filter = stores.suggestions.get();
    const masks = stores.masks.get();
    const shown = masks.filter((record) => isShown(record, filter));
    const coverage = measureCoverage(
      shown.map(({ mask }) => mask),
      image.size,
    );
    const places = rankPlaces([...this.hidden(), ...this.found()], coverage, findGaps(coverage));
    return { coverage, share: uncoveredShare(coverage), places, at: -1, visited: this.seen.size, isAsking: false };
  }

  private found(): Proposal[] {
    return [...this.answers.values()].filter((answer) => answer !== null);
  }

  /** Suggestions that are not good enough to be shown are proposals all the same. */
  private hidden(): Proposal[] {
    const filter = this.ports.stores.suggestions.get();
    const hidden = this.ports.stores.masks
      .get()
      .filter((record) => record.state === "suggestion" && !isShown(record, filter));
    return hidden.map(({ bounds, mask, predictedIou, stabilityScore }) => ({
      bounds,
      score: (predictedIou ?? 0) * (stabilityScore ?? 1),
      contains: (x, y) => maskContains(mask, x, y),
    }));
  }
}

function keyOf({ x, y }: ImagePoint): string {
  return `${Math.round(x)},${Math.round(y)}`;
}

function nameOf({ x0, y0, x1, y1 }: BoxXyxy): string {
  return [x0, y0, x1, y1].map(Math.round).join();
}

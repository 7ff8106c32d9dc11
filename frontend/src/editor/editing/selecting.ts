/** Which masks are selected, and which one is lit up under the cursor. Never part of the history. */
import { maskContains } from "../../geometry/column-mask";
import type { ImagePoint } from "../../geometry/types";
import type { MaskDocument } from "../../model/document";
import type { MaskRecord } from "../../model/mask-record";
import { isShown } from "../../model/suggestion-filter";
import type { Stores } from "../state/stores";

export class Selecting {
  private lastPick: { readonly point: ImagePoint; readonly id: string } | null = null;

  constructor(
    private readonly stores: Stores,
    private readonly getSession: () => { readonly document: MaskDocument } | null,
    private readonly onChanged: () => void,
  ) {
    stores.suggestions.subscribe(() => this.prune());
  }

  get ids(): readonly string[] {
    return [...this.stores.selection.get()];
  }

  set(ids: Iterable<string>): void {
    this.stores.selection.set(new Set(ids));
    this.onChanged();
  }

  clear(): void {
    if (this.stores.selection.get().size > 0) this.set([]);
  }

  select(id: string, mode: "only" | "toggle" | "range"): void {
    const selection = new Set(mode === "only" ? [] : this.stores.selection.get());
    if (mode === "range") for (const between of this.rangeTo(id)) selection.add(between);
    else if (mode === "toggle" && selection.has(id)) selection.delete(id);
    else selection.add(id);
    this.set(selection);
  }

  selectAll(): void {
    this.set(this.visible().map((record) => record.id));
  }

  /** Select the mask after or before the selected one. */
  step(steps: 1 | -1): void {
    const all = this.visible();
    if (all.length === 0) return;
    const last = this.ids.at(-1);
    const at = all.findIndex((record) => record.id === last);
    const next = at < 0 ? (steps > 0 ? 0 : all.length - 1) : (at + steps + all.length) % all.length;
    this.set([all[next].id]);
  }

  /** Select the topmost mask at a place; again at the same place, the one below it. */
  pickAt(point: ImagePoint, isAdditive: boolean): void {
    const stack = this.stackAt(point);
    const reach = 4 / this.stores.view.get().scale;
    const { lastPick } = this;
    const isAgain = lastPick && Math.hypot(lastPick.point.x - point.x, lastPick.point.y - point.y) <= reach;
    const at = isAgain ? stack.findIndex((record) => record.id === lastPick.id) : -1;
    const picked = stack.at((at + 1) % Math.max(stack.length, 1));
    this.lastPick = picked ? { point, id: picked.id } : null;
    if (picked) this.select(picked.id, isAdditive ? "toggle" : "only");
    else if (!isAdditive) this.clear();
  }

  /** The topmost mask at a place. */
  idAt(point: ImagePoint): string | null {
    return this.stackAt(point).at(0)?.id ?? null;
  }

  highlight(id: string | null): void {
    this.stores.highlighted.set(id);
    this.onChanged();
  }

  highlightAt(point: ImagePoint | null): void {
    const id = point && this.idAt(point);
    if (id !== this.stores.highlighted.get()) this.highlight(id);
  }

  /** Forget masks that are gone, rejected, or no longer good enough to be shown. */
  prune(): void {
    const filter = this.stores.suggestions.get();
    const isThere = (id: string): boolean => {
      const record = this.getSession()?.document.get(id);
      return record !== undefined && isShown(record, filter);
    };
    const kept = this.ids.filter(isThere);
    if (kept.length !== this.stores.selection.get().size) this.stores.selection.set(new Set(kept));
    const lit = this.stores.highlighted.get();
    if (lit !== null && !isThere(lit)) this.stores.highlighted.set(null);
  }

  /** Masks that cover a place, topmost first. */
  private stackAt(point: ImagePoint): MaskRecord[] {
    if (this.stores.settings.get().areMasksHidden) return [];
    return this.visible()
      .filter((record) => maskContains(record.mask, point.x, point.y))
      .reverse();
  }

  /** The masks that are not rejected and good enough to be shown, lowest first. */
  visible(): MaskRecord[] {
    const filter = this.stores.suggestions.get();
    return (this.getSession()?.document.all() ?? []).filter((record) => isShown(record, filter));
  }

  private rangeTo(id: string): string[] {
    const all = this.visible().map((record) => record.id);
    const from = all.indexOf(this.ids.at(-1) ?? id);
    const to = all.indexOf(id);
    return all.slice(Math.min(from, to), Math.max(from, to) + 1);
  }
}

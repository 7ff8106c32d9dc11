/** Accepts and rejects suggestions; whoever decides about the selected one is led to the next, in reading order. */
import type { MaskRecord } from "../../model/mask-record";
import { inReadingOrder, nextAfter } from "../../model/reading-order";
import type { Selecting } from "../editing/selecting";
import type { ImageSession } from "../session/image-session";
import type { Notices } from "../state/notices";
import type { Viewing } from "../viewing/viewing";

export interface DecidingPorts {
  readonly selecting: Selecting;
  readonly viewing: Pick<Viewing, "reveal">;
  readonly notices: Pick<Notices, "tell" | "clear">;
  readonly session: () => ImageSession | null;
}

const NONE_LEFT = "notice.suggestions.done";

export class Deciding {
  constructor(private readonly ports: DecidingPorts) {}

  /** Decide about these, wherever the selection is. */
  decide(ids: readonly string[], isAccepted: boolean): void {
    this.ports.session()?.commands.decide(ids, isAccepted);
  }

  /** Decide about the selected suggestions and go on; where none is selected, go to the first and decide nothing. */
  decideSelected(isAccepted: boolean): void {
    const waiting = this.waiting();
    const ids = new Set(this.ports.selecting.ids);
    const meant = waiting.filter(({ id }) => ids.has(id)).map(({ id }) => id);
    if (meant.length > 0) this.decide(meant, isAccepted);
    this.goTo(nextAfter(waiting, new Set(meant)), waiting.length > 0);
  }

  /** From a suggestion, or from nothing, to the next suggestion; false where that is not what is asked for. */
  step(steps: 1 | -1): boolean {
    const ordered = steps === 1 ? this.waiting() : this.waiting().reverse();
    const last = this.ports.selecting.ids.at(-1);
    const isOnOne = ordered.some(({ id }) => id === last);
    if (ordered.length === 0 || (last !== undefined && !isOnOne)) return false;
    const at = ordered.findIndex(({ id }) => id === last);
    this.goTo(ordered[(at + 1) % ordered.length], true);
    return true;
  }

  /** The suggestions in view that wait for a decision. */
  private waiting(): MaskRecord[] {
    return inReadingOrder(this.ports.selecting.visible().filter(({ state }) => state === "suggestion"));
  }

  private goTo(record: MaskRecord | undefined, wereAny: boolean): void {
    const { selecting, viewing, notices } = this.ports;
    notices.clear(NONE_LEFT);
    if (record) {
      selecting.set([record.id]);
      viewing.reveal(record.bounds);
    } else if (wereAny) {
      selecting.clear();
      notices.tell("info", NONE_LEFT);
    }
  }
}

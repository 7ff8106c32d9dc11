/** Counts what a mask cost besides time: clicks, candidates gone through, steps taken back. */
import type { Draft } from "../../model/draft";
import type { Provenance } from "../../model/mask-record";

export interface Effort {
  readonly clicks: number;
  readonly candidate_switches: number;
  readonly undos: number;
}

const NONE: Effort = { clicks: 0, candidate_switches: 0, undos: 0 };

export class EffortLog {
  private effort = NONE;
  private last: Draft | null = null;
  private isTravelling = false;

  /** The draft is now this one. */
  follow(draft: Draft | null): void {
    if (!this.isTravelling && draft) this.effort = addStep(this.effort, this.last, draft);
    this.last = draft;
  }

  /** Run an undo or redo: what it brings back was counted when it was done. */
  travel<T>(direction: "undo" | "redo", go: () => T): T {
    this.isTravelling = true;
    if (direction === "undo") this.effort = { ...this.effort, undos: this.effort.undos + 1 };
    try {
      return go();
    } finally {
      this.isTravelling = false;
    }
  }

  /** What was counted so far. */
  get counted(): Effort {
    return this.effort;
  }

  /** Give what was counted since the last call and start anew. */
  take(): Effort {
    const taken = this.effort;
    this.effort = NONE;
    return taken;
  }
}

/** Add an effort to what a mask's provenance holds already. */
export function addEffort(provenance: Provenance, effort: Effort): Provenance {
  const sum = (name: keyof Effort): number => effort[name] + (Number(provenance[name]) || 0);
  return { ...provenance, clicks: sum("clicks"), candidate_switches: sum("candidate_switches"), undos: sum("undos") };
}

function addStep(effort: Effort, before: Draft | null, after: Draft): Effort {
  const isRefining = before === null && after.targetId !== null;
  const placed = isRefining ? 0 : Math.max(after.prompts.length - (before?.prompts.length ?? 0), 0);
  const isSwitch = before !== null && before.candidates === after.candidates && before.chosen !== after.chosen;
  return {
    ...effort,
    clicks: effort.clicks + placed,
    candidate_switches: effort.candidate_switches + (isSwitch ? 1 : 0),
  };
}

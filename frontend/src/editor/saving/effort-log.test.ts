import { describe, expect, it } from "vitest";
import { imagePoint } from "../../geometry/types";
import { addPoint, EMPTY_DRAFT, removePrompt } from "../../model/draft";
import { addEffort, EffortLog } from "./effort-log";

const FIRST = addPoint(EMPTY_DRAFT, imagePoint(1, 1), 1);
const SECOND = addPoint(FIRST, imagePoint(2, 2), 0);
const CANDIDATES = [1, 2].map((index) => ({
  index,
  predictedIou: 0.5,
  stabilityScore: 0.5,
  logits: new Float32Array(1),
  maskLogits: new Float32Array(1),
}));

function logOf(...drafts: (typeof FIRST | null)[]) {
  const log = new EffortLog();
  for (const draft of drafts) log.follow(draft);
  return log;
}

describe("the effort that a mask cost", () => {
  it("counts every click, also those taken away again", () => {
    const log = logOf(FIRST, SECOND, removePrompt(SECOND, 1), addPoint(FIRST, imagePoint(3, 3), 1), null);
    expect(log.take()).toEqual({ clicks: 3, candidate_switches: 0, undos: 0 });
    expect(log.take().clicks).toBe(0);
  });

  it("counts steps taken back, and not what a redo brings again", () => {
    const log = logOf(FIRST, SECOND);
    log.travel("undo", () => log.follow(FIRST));
    log.travel("redo", () => log.follow(SECOND));
    expect(log.take()).toEqual({ clicks: 2, candidate_switches: 0, undos: 1 });
  });

  it("counts another candidate, and not a fresh answer of the model", () => {
    const answered = { ...FIRST, candidates: CANDIDATES as never, chosen: 0 };
    const log = logOf(FIRST, answered, { ...answered, chosen: 1 }, { ...answered, candidates: [], chosen: 0 });
    expect(log.take().candidate_switches).toBe(1);
  });

  it("does not count the prompts of a mask that is refined", () => {
    const log = logOf({ ...SECOND, targetId: "a" }, { ...addPoint(SECOND, imagePoint(4, 4), 1), targetId: "a" });
    expect(log.take().clicks).toBe(1);
  });

  it("adds up in the provenance", () => {
    const once = addEffort({ candidate: 1 }, { clicks: 2, candidate_switches: 1, undos: 0 });
    expect(addEffort(once, { clicks: 1, candidate_switches: 0, undos: 3 })).toEqual({
      candidate: 1,
      clicks: 3,
      candidate_switches: 1,
      undos: 3,
    });
  });
});

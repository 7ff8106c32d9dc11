import { describe, expect, it, vi } from "vitest";
import type { SubmissionRow } from "../api/workspace-api";
import { Store } from "../model/store";
import type { ReviewInfo } from "../model/work";
import { ReviewDesk } from "./review-desk";

const WAITING: SubmissionRow = {
  user_id: 7,
  user_name: "Ann",
  verdict: "waiting",
  is_latest: true,
  reviewer_name: "",
  comment: "",
};
const RETURNED = { ...WAITING, verdict: "returned", reviewer_name: "Rey", comment: "The left lamp is missing." };

function makeDesk(rows: readonly SubmissionRow[], { userId = 1, mayReview = true } = {}) {
  const stores = { review: new Store<ReviewInfo | null>(null), isPanelOpen: new Store(false) };
  const api = { submissions: vi.fn().mockResolvedValue(rows), review: vi.fn().mockResolvedValue({}) };
  const flow = { review: vi.fn((decide: (id: number) => Promise<unknown>) => decide(5).then(() => undefined)) };
  const session = { detail: { id: 5 } };
  const desk = new ReviewDesk({ api, stores, flow, userId, mayReview, session: () => session });
  return { desk, stores, api, flow };
}

describe("the review of the open image", () => {
  it("is offered to a reviewer and opens the panel", async () => {
    const { desk, stores } = makeDesk([WAITING]);
    await desk.load();
    expect(stores.review.get()).toMatchObject({ kind: "judge", byName: "Ann" });
    expect(stores.isPanelOpen.get()).toBe(true);
  });

  it("shows the reviewer's words to whoever gets the image back, and to nobody else", async () => {
    const mine = makeDesk([RETURNED], { userId: 7, mayReview: false });
    await mine.desk.load();
    expect(mine.stores.review.get()).toMatchObject({ kind: "returned", byName: "Rey", comment: RETURNED.comment });
    const others = makeDesk([RETURNED], { userId: 8, mayReview: false });
    await others.desk.load();
    expect(others.stores.review.get()).toBeNull();
  });

  it("is not offered to annotators, nor for a submission that was overtaken", async () => {
    for (const { desk, stores } of [
      makeDesk([WAITING], { mayReview: false }),
      makeDesk([{ ...WAITING, is_latest: false }]),
      makeDesk([{ ...WAITING, verdict: "accepted" }]),
      makeDesk([]),
    ]) {
      await desk.load();
      expect(stores.review.get()).toBeNull();
      expect(stores.isPanelOpen.get()).toBe(false);
    }
  });

  it("sends one verdict, however often one clicks, and then looks again", async () => {
    const { desk, stores, api, flow } = makeDesk([WAITING]);
    await desk.load();
    const both = [desk.decide("returned", "A lamp."), desk.decide("accepted", "")];
    expect(stores.review.get()?.isSending).toBe(true);
    await Promise.all(both);
    expect(api.review.mock.calls).toEqual([[5, "returned", "A lamp."]]);
    expect(flow.review).toHaveBeenCalledTimes(1);
    expect(stores.review.get()?.isSending).toBe(false);
  });
});

import { describe, expect, it, vi } from "vitest";
import type { SubmissionRow } from "../../api/workspace-api";
import { Store } from "../../model/store";
import type { ReviewInfo } from "../../model/work";
import { ImageReview } from "./image-review";

const WAITING: SubmissionRow = {
  id: 1,
  image_id: 5,
  stage: "assisted_manual",
  reviewer_id: null,
  created_at: "2026-01-01T00:00:00Z",
  reviewed_at: null,
  user_id: 7,
  user_name: "Ann",
  verdict: "waiting",
  is_latest: true,
  reviewer_name: "",
  comment: "",
};
const RETURNED = { ...WAITING, verdict: "returned", reviewer_name: "Rey", comment: "The left lamp is missing." };

function makeReview(rows: readonly SubmissionRow[], { userId = 1, mayReview = true } = {}) {
  const stores = { review: new Store<ReviewInfo | null>(null), isPanelOpen: new Store(false) };
  const api = { submissions: vi.fn().mockResolvedValue(rows), review: vi.fn().mockResolvedValue({}) };
  const flow = { review: vi.fn((decide: (id: number) => Promise<unknown>) => decide(5).then(() => undefined)) };
  const session = { detail: { id: 5 } };
  const review = new ImageReview({ api, stores, flow, userId, mayReview, session: () => session });
  return { review, stores, api, flow };
}

describe("the review of the open image", () => {
  it("is offered to a reviewer and opens the panel", async () => {
    const { review, stores } = makeReview([WAITING]);
    await review.load();
    expect(stores.review.get()).toMatchObject({ kind: "judge", byName: "Ann" });
    expect(stores.isPanelOpen.get()).toBe(true);
  });

  it("shows the reviewer's words to whoever gets the image back, and to nobody else", async () => {
    const mine = makeReview([RETURNED], { userId: 7, mayReview: false });
    await mine.review.load();
    expect(mine.stores.review.get()).toMatchObject({ kind: "returned", byName: "Rey", comment: RETURNED.comment });
    const others = makeReview([RETURNED], { userId: 8, mayReview: false });
    await others.review.load();
    expect(others.stores.review.get()).toBeNull();
  });

  it("is not offered to annotators, nor for a submission that was overtaken", async () => {
    for (const { review, stores } of [
      makeReview([WAITING], { mayReview: false }),
      makeReview([{ ...WAITING, is_latest: false }]),
      makeReview([{ ...WAITING, verdict: "accepted" }]),
      makeReview([]),
    ]) {
      await review.load();
      expect(stores.review.get()).toBeNull();
      expect(stores.isPanelOpen.get()).toBe(false);
    }
  });

  it("sends one verdict, however often one clicks, and then looks again", async () => {
    const { review, stores, api, flow } = makeReview([WAITING]);
    await review.load();
    const both = [review.decide("returned", "A lamp."), review.decide("accepted", "")];
    expect(stores.review.get()?.isSending).toBe(true);
    await Promise.all(both);
    expect(api.review.mock.calls).toEqual([[5, "returned", "A lamp."]]);
    expect(flow.review).toHaveBeenCalledTimes(1);
    expect(stores.review.get()?.isSending).toBe(false);
  });
});

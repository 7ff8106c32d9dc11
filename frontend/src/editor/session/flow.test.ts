import { describe, expect, it, vi } from "vitest";

import { ApiError } from "../../api/http";
import type { SaveReport } from "../../api/save-report";
import type { WorkAnswer } from "../../api/workspace-api";
import { DEFAULT_BINDINGS } from "../../input/keymap";
import { EMPTY_DRAFT } from "../../model/draft";
import { Notices } from "../state/notices";
import { makeStores } from "../state/stores";
import { Flow, type FlowPorts } from "./flow";

const report: SaveReport = { status: "saved", operations: 0, masks: new Map(), refused: [], isKept: true };
const image = { id: 3, name: "cup.jpg", size: { width: 9, height: 9 }, position: 1, total: 2 };

/** A flow on image 3 whose submission ends as told, and a queue that has nothing more. */
function flowThat(submit: () => Promise<WorkAnswer>) {
  const stores = makeStores(DEFAULT_BINDINGS, "en", null);
  stores.image.set({ ...image, previousId: null, nextId: null, workStatus: "in_progress" });
  const takeNext = vi.fn(() => Promise.resolve({ image_id: null, lease: null, unprepared: 0, returned: "" }));
  const show = vi.fn(() => Promise.resolve());
  const session = { detail: { id: 3 }, outbox: { pendingCount: 0 } };
  const outbox = { settle: vi.fn(() => Promise.resolve(true)), report };
  const flow = new Flow({
    api: { submit, takeNext } as unknown as FlowPorts["api"],
    loader: null as unknown as FlowPorts["loader"],
    stores,
    notices: new Notices(stores),
    projectId: 1,
    outbox,
    session: () => session as unknown as ReturnType<FlowPorts["session"]>,
    show,
    settle: () => undefined,
  });
  const told = () => stores.notices.get().map(({ tone, key }) => [tone, key]);
  return { flow, stores, show, takeNext, told, outbox, session };
}

const refuse = (): Promise<never> =>
  Promise.reject(new ApiError(409, "work_status", "The image is reviewed already.", null));

describe("submitting", () => {
  it("shows what state the image is in where nothing comes after it", async () => {
    const { flow, stores, told } = flowThat(() => Promise.resolve({ work_status: "submitted" }));
    await flow.submitAndNext();
    expect(stores.image.get()?.workStatus).toBe("submitted");
    expect(told()).toEqual([["info", "notice.queue.empty"]]);
  });

  it("says that an image was reviewed already, and offers the next one", async () => {
    const { flow, stores, takeNext, told } = flowThat(refuse);
    await flow.submitAndNext();
    expect(told()).toEqual([["warning", "notice.reviewed"]]);
    expect(stores.image.get()?.workStatus).toBe("reviewed");
    expect(takeNext).not.toHaveBeenCalled();
    stores.notices.get()[0].action?.run();
    await vi.waitFor(() => expect(takeNext).toHaveBeenCalledOnce());
    await vi.waitFor(() => expect(told()).toEqual([["info", "notice.queue.empty"]]));
  });
});

describe("leaving an image", () => {
  it("waits for a mask that is not kept yet, wherever it would go, and says how to keep it", async () => {
    const submit = vi.fn(() => Promise.resolve({ work_status: "submitted" as const }));
    const { flow, stores, show, told } = flowThat(submit);
    stores.draft.set(EMPTY_DRAFT);
    await flow.submitAndNext();
    await flow.skip("blurred");
    await flow.open(4);
    expect(told()).toEqual([["warning", "notice.draft.open"]]);
    expect(submit).not.toHaveBeenCalled();
    expect(show).not.toHaveBeenCalled();
    stores.draft.set(null);
    await flow.submitAndNext();
    expect(submit).toHaveBeenCalledOnce();
    expect(told()).toEqual([["info", "notice.queue.empty"]]);
  });

  it("waits for what is on its way, and says what is still not on the server then", async () => {
    const { flow, show, told, outbox, stores } = flowThat(refuse);
    outbox.report = { ...report, status: "busy", operations: 3, masks: new Map([[3, 2]]) };
    await flow.open(4);
    expect(outbox.settle).toHaveBeenCalledOnce();
    expect(told()).toEqual([["warning", "notice.left.unsaved"]]);
    expect(stores.notices.get()[0].params).toEqual({ pending: 2 });
    expect(show).toHaveBeenCalledExactlyOnceWith(4);
    outbox.report = report;
    await flow.open(5);
    expect(told()).toEqual([]);
    expect(outbox.settle).toHaveBeenCalledOnce();
  });

  it.each([
    ["busy", "unsaved"],
    ["refused", "refused"],
    ["conflict", "undecided"],
  ] as const)("does not hand in an image with masks that are not saved: %s", async (status, code) => {
    const submit = vi.fn(() => Promise.resolve({ work_status: "submitted" as const }));
    const { flow, stores, outbox, session } = flowThat(submit);
    session.outbox.pendingCount = 1;
    outbox.report = { ...report, status, operations: 1, masks: new Map([[3, 1]]) };
    await flow.submitAndNext();
    expect(submit).not.toHaveBeenCalled();
    expect(stores.notices.get().map(({ key, params }) => [key, params["code"]])).toEqual([
      ["notice.submit.failed", code],
    ]);
  });
});

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { Browser, failing } from "./outbox-bench";

let browser: Browser;

beforeEach(() => void (browser = new Browser()));
afterEach(() => browser.close());

describe("what stands in the way", () => {
  it.each([
    [failing(500), "failing"],
    [failing(503), "busy"],
    [failing(507), "full"],
    [failing(502), "busy"],
    [failing(429), "busy"],
    [failing(0, "timeout"), "timeout"],
    [failing(0, "unreachable"), "offline"],
    [failing(401), "signed-out"],
    [failing(403, "csrf_failed"), "signed-out"],
  ] as const)("is told apart: %o", async (error, status) => {
    browser.server.refusal = () => error;
    const tab = await browser.open();
    await tab.add("a", 1);
    await tab.until(status);
    browser.server.refusal = () => null;
    tab.retry();
    await tab.until("saved");
  });

  it("is a batch too large for the line: it comes through in parts", async () => {
    browser.server.cut = "before";
    const tab = await browser.open();
    await Promise.all(Array.from({ length: 40 }, (_, i) => tab.add(`mask${i}`, 1)));
    await tab.until("offline");
    browser.server.cut = "none";
    browser.server.refusal = (_, batch) => (batch.length > 8 ? failing(0, "timeout") : null);
    for (let time = 0; time < 8 && tab.report.status !== "saved"; time++) {
      tab.retry();
      await tab.outbox.settle();
    }
    for (let time = 0; tab.report.status !== "saved" && time < 20; time++) {
      tab.retry();
      await tab.outbox.settle();
    }
    expect(browser.server.order).toHaveLength(40);
  });

  it("is never hidden behind Saved: it is said only once nothing is left", async () => {
    const tab = await browser.open();
    const added = tab.add("a", 1);
    expect(tab.report.status).toBe("saving");
    await added;
    await tab.until("saved");
    const said = tab.reports.map(({ status, operations }) => [status, operations] as const);
    expect(said.filter(([status, operations]) => (status === "saved") !== (operations === 0))).toEqual([]);
  });
});

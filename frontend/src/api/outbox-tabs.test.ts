import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { openJournal } from "./journal";
import { Browser, failing, Tab } from "./outbox-bench";

let browser: Browser;

beforeEach(() => void (browser = new Browser()));
afterEach(() => browser.close());

describe("the outbox of a person", () => {
  it("sends what is pending of any image, whichever one is open", async () => {
    const first = await browser.open(7);
    browser.server.cut = "before";
    await first.add("a", 1);
    await first.add("b", 1);
    const other = first.open(8);
    await first.add("c", 1, other);
    const report = await first.until("offline");
    expect([...report.masks]).toEqual([
      [7, 2],
      [8, 1],
    ]);
    first.close();
    browser.server.cut = "none";
    const second = await browser.open(9);
    await second.until("saved");
    expect(browser.server.order.toSorted()).toEqual(["a:1", "b:1", "c:1"]);
  });

  it("has an image read again of which something was sent while it was being opened", async () => {
    const first = await browser.open(7);
    browser.server.cut = "before";
    await first.add("a", 1);
    await first.until("offline");
    first.close();
    browser.server.cut = "none";
    const second = await browser.open(8);
    await second.until("saved");
    expect(second.changedElsewhere).toBe(0);
    expect(second.open(7).replay()).toEqual([]);
    expect(second.changedElsewhere).toBe(1);
    second.open(7).replay();
    expect(second.changedElsewhere).toBe(1);
  });

  it("never sends nor sees what another account has left in the same browser", async () => {
    const first = await browser.open();
    browser.server.cut = "before";
    await first.add("a", 1);
    await first.until("offline");
    first.close();
    browser.server.cut = "none";
    const stranger = await browser.open(7, browser.userId + 100_000);
    await stranger.outbox.settle();
    expect(stranger.report.operations).toBe(0);
    expect(stranger.image.replay()).toEqual([]);
    expect(browser.server.order).toEqual([]);
  });

  it("stops, and says why, where somebody else is signed in by now", async () => {
    browser.server.refusal = () => failing(403, "other_account");
    const tab = await browser.open();
    await tab.add("a", 1);
    expect((await tab.until("other-account")).operations).toBe(1);
  });

  it("sends from one tab at a time, and tells the others what became of theirs", async () => {
    const [one, two] = [await browser.open(), await browser.open()];
    browser.server.cut = "before";
    await one.add("a", 1);
    await two.add("b", 1);
    await Promise.all([one.until("offline"), two.until("offline")]);
    browser.server.cut = "none";
    one.retry();
    two.retry();
    await Promise.all([one.until("saved"), two.until("saved")]);
    expect(browser.server.order.toSorted()).toEqual(["a:1", "b:1"]);
    expect(browser.server.batches.reduce((sum, n) => sum + n)).toBe(2);
  });

  it("shows masks of one tab in the other, even before the server has them", async () => {
    const [one, two] = [await browser.open(), await browser.open()];
    browser.server.cut = "before";
    await one.add("a", 1);
    while (two.foreign.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(two.foreign.map(({ operation }) => operation.annotation_id)).toEqual(["a"]);
    expect(one.foreign).toEqual([]);
    await two.add("a", 2);
    browser.server.cut = "none";
    two.retry();
    one.retry();
    await Promise.all([one.until("saved"), two.until("saved")]);
    expect(browser.server.order).toEqual(["a:1", "a:2"]);
    expect(one.conflicts.concat(two.conflicts)).toEqual([]);
    while (two.changedElsewhere + one.changedElsewhere === 0) await new Promise((resolve) => setImmediate(resolve));
    await one.add("a", 3);
    await one.until("saved");
    expect(browser.server.order).toEqual(["a:1", "a:2", "a:3"]);
  });

  it("says that work is safe only with the server where the browser keeps nothing", async () => {
    expect((await browser.open()).report.isKept).toBe(true);
    const journal = await openJournal(browser.userId, { findFactory: () => undefined });
    const tab = new Tab(browser.server, journal, browser.userId, 7);
    browser.server.cut = "before";
    await tab.add("a", 1);
    expect(await tab.until("offline")).toMatchObject({ isKept: false, operations: 1 });
    browser.server.cut = "none";
    tab.retry();
    await tab.until("saved");
    expect(browser.server.order).toEqual(["a:1"]);
    tab.close();
  });
});

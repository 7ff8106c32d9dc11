import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { Browser, type Tab } from "./outbox-bench";

let browser: Browser;

beforeEach(() => void (browser = new Browser()));
afterEach(() => browser.close());

const left = async (tab: Tab) => (await tab.journal.read()).entries;
/** Open an image of which the server has revision 3 and this tab knows it. */
const openKnown = async (now = 3): Promise<Tab> => {
  const tab = await browser.open();
  tab.image.noteRevision("a", 3);
  browser.server.revisions.set("a", now);
  return tab;
};

describe("the outbox", () => {
  it("sends in order, each on the revision of the one before", async () => {
    const tab = await browser.open();
    await Promise.all([tab.add("a", 1), tab.add("a", 2), tab.add("b", 1), tab.add("a", 3)]);
    await tab.until("saved");
    expect(browser.server.order.filter((entry) => entry.startsWith("a"))).toEqual(["a:1", "a:2", "a:3"]);
    expect(browser.server.revisions.get("b")).toBe(1);
    expect(tab.conflicts).toEqual([]);
    expect(await left(tab)).toEqual([]);
  });

  it.each(["before", "after"] as const)(
    "neither loses nor doubles anything when cut off %s the server's work",
    async (cut) => {
      const tab = await browser.open();
      browser.server.cut = cut;
      await tab.add("a", 1);
      await tab.add("a", 2);
      await tab.until("offline");
      expect(await left(tab)).toHaveLength(2);
      browser.server.cut = "none";
      tab.retry();
      await tab.until("saved");
      expect(browser.server.order).toEqual(["a:1", "a:2"]);
      expect(tab.conflicts).toEqual([]);
    },
  );

  it.each(["before", "after"] as const)("takes up after a crash what was cut off %s the server's work", async (cut) => {
    const first = await browser.open();
    browser.server.cut = cut;
    await first.add("a", 1);
    await first.add("a", 2);
    await first.until("offline");
    first.close();
    browser.server.cut = "none";
    const second = await browser.open();
    await second.until("saved");
    expect(browser.server.order).toEqual(["a:1", "a:2"]);
    expect(second.conflicts).toEqual([]);
  });

  it("marks what is an override when it is made, for good", async () => {
    const tab = await browser.open();
    browser.server.cut = "before";
    tab.isOverriding = true;
    await tab.add("a", 1);
    tab.isOverriding = false;
    await tab.add("b", 1);
    const marks = (await left(tab)).map(({ operation }) => [operation.annotation_id, operation.override]);
    expect(marks).toEqual([
      ["a", true],
      ["b", undefined],
    ]);
  });

  it("follows its own operation and not what somebody else made of the mask after it", async () => {
    const first = await browser.open();
    browser.server.cut = "after";
    await first.add("a", 1);
    await first.add("a", 2);
    await first.until("offline");
    first.close();
    browser.server.revisions.set("a", 5);
    browser.server.cut = "none";
    const second = await browser.open();
    await second.until("conflict");
    expect(browser.server.order).toEqual(["a:1"]);
    expect(browser.server.revisions.get("a")).toBe(5);
  });

  it("does not write over what somebody else did meanwhile", async () => {
    const tab = await openKnown(4);
    await tab.add("a", 2);
    await tab.until("conflict");
    expect(tab.conflicts).toEqual(["a"]);
    expect(browser.server.revisions.get("a")).toBe(4);
  });

  it("holds what lost a race, with all that was made on top of it, until it is settled", async () => {
    const tab = await openKnown(4);
    browser.server.cut = "before";
    await Promise.all([tab.add("a", 2), tab.add("a", 3)]);
    await tab.until("offline");
    browser.server.cut = "none";
    tab.retry();
    await tab.until("conflict");
    await tab.add("a", 4);
    await tab.add("b", 1);
    await tab.until("conflict");
    expect(tab.lost[0]).toBe(2);
    expect(browser.server.revisions.get("a")).toBe(4);
    expect(await left(tab)).toHaveLength(3);
    expect(browser.server.order).toEqual(["b:1"]);

    await tab.image.unpark("a", () => void tab.add("a", 9));
    await tab.until("saved");
    expect(browser.server.order).toEqual(["b:1", "a:9"]);
    expect(await left(tab)).toEqual([]);
  });

  it("asks again after a reload about a race that nobody settled", async () => {
    const first = await openKnown(4);
    await Promise.all([first.add("a", 2), first.add("a", 3)]);
    await first.until("conflict");
    first.close();
    const second = await browser.open();
    second.image.noteRevision("a", 4);
    expect(second.image.replay()).toHaveLength(2);
    while (second.conflicts.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(second.conflicts).toEqual(["a"]);
    expect(browser.server.revisions.get("a")).toBe(4);
  });

  it("asks about a race that was lost before anybody had the image open", async () => {
    const first = await openKnown(4);
    browser.server.cut = "before";
    await first.add("a", 2);
    await first.until("offline");
    first.close();
    browser.server.cut = "none";
    const second = await browser.open(8);
    await second.until("conflict");
    expect(second.conflicts).toEqual([]);
    const image = second.open(7);
    image.noteRevision("a", 4);
    expect(image.replay()).toHaveLength(1);
    while (second.conflicts.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await second.until("conflict");
    await image.unpark("a", () => void second.add("a", 9, image));
    await second.until("saved");
    expect(browser.server.order).toEqual(["a:9"]);
  });

  it("has either what lost a race or what settled it after a tab died in between, never both", async () => {
    const first = await openKnown(4);
    await first.add("a", 2);
    await first.until("conflict");
    browser.server.cut = "before";
    first.journal.remove = () => new Promise(() => undefined);
    void first.image.unpark("a", () => void first.add("a", 9));
    await first.until("offline");
    first.close();
    browser.server.cut = "none";
    const second = await browser.open();
    await second.until("saved");
    expect(second.conflicts).toEqual([]);
    expect(browser.server.order).toEqual(["a:9"]);
  });
});

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { Browser, failing, type Tab } from "./outbox-bench";

let browser: Browser;

beforeEach(() => void (browser = new Browser()));
afterEach(() => browser.close());

const left = async (tab: Tab) => (await tab.journal.read()).entries;

describe("an operation that the server will not have", () => {
  it("is set aside with what was said, and the others arrive", async () => {
    browser.server.verdict = ({ annotation_id: id }) => (id === "bad" ? "rejected" : null);
    const tab = await browser.open();
    await Promise.all(["a", "bad", "b"].map((id) => tab.add(id, 1)));
    await tab.add("bad", 2);
    const { refused } = await tab.until("refused");
    expect(browser.server.order).toEqual(["a:1", "b:1"]);
    expect(refused.map(({ operation, held }) => [operation.annotation_id, held?.code, held?.message])).toEqual([
      ["bad", "rejected", "It was rejected."],
      ["bad", "rejected", "It was rejected."],
    ]);
    browser.server.verdict = () => null;
    await tab.outbox.release(refused);
    await tab.until("saved");
    expect(browser.server.order).toEqual(["a:1", "b:1", "bad:1", "bad:2"]);
  });

  it("stays set aside over a reload, and is gone once it is dropped", async () => {
    browser.server.verdict = () => "rejected";
    const first = await browser.open();
    await first.add("a", 1);
    await first.until("refused");
    first.close();
    const second = await browser.open();
    const { refused } = await second.until("refused");
    const asked = browser.server.batches.length;
    await second.outbox.settle();
    expect(browser.server.batches).toHaveLength(asked);
    await second.outbox.drop(refused);
    expect(second.dropped).toEqual(["a"]);
    await second.until("saved");
    expect(await left(second)).toEqual([]);
  });

  it.each([400, 413, 422, 500])("is found by halves where its batch is answered with %d", async (status) => {
    browser.server.cut = "before";
    const tab = await browser.open();
    const ids = Array.from({ length: 21 }, (_, i) => `mask${i}`);
    await Promise.all(ids.map((id) => tab.add(id, 1)));
    await tab.until("offline");
    browser.server.cut = "none";
    browser.server.refusal = (_, batch) => (batch.some((o) => o.annotation_id === "mask13") ? failing(status) : null);
    tab.retry();
    const { refused } = await tab.until("refused");
    expect(refused.map(({ operation }) => operation.annotation_id)).toEqual(["mask13"]);
    expect(browser.server.order).toHaveLength(20);
  });

  it("is set aside when it alone fails, again and again, on a server that answers otherwise", async () => {
    browser.server.refusal = (_, batch) => (batch.length > 0 ? failing(500) : null);
    const tab = await browser.open();
    await tab.add("a", 1);
    for (let time = 0; time < 2; time++) {
      await tab.until("failing");
      tab.retry();
      await tab.outbox.settle();
    }
    await tab.until("refused");
    browser.server.refusal = () => null;
    await tab.add("b", 1);
    await tab.until("refused");
    expect(browser.server.order).toEqual(["b:1"]);
  });

  it("is not what it is when the whole server fails: nothing is set aside, and few requests are made", async () => {
    browser.server.refusal = () => failing(500);
    const tab = await browser.open();
    await Promise.all(Array.from({ length: 64 }, (_, i) => tab.add(`mask${i}`, 1)));
    await tab.until("failing");
    for (let time = 0; time < 5; time++) {
      tab.retry();
      await tab.outbox.settle();
    }
    expect(tab.report.refused).toEqual([]);
    expect(browser.server.batches.length).toBeLessThan(100);
    browser.server.refusal = () => null;
    tab.retry();
    await tab.until("saved");
    expect(browser.server.order).toHaveLength(64);
  });

  it("fails alone where the server says so within its answer", async () => {
    browser.server.verdict = ({ annotation_id: id }) => (id === "bad" ? "failed" : null);
    const tab = await browser.open();
    await Promise.all(["a", "bad", "b"].map((id) => tab.add(id, 1)));
    await tab.until("refused");
    expect(browser.server.order).toEqual(["a:1", "b:1"]);
  });

  it.each([
    [404, "not_found"],
    [403, "forbidden"],
  ])("is left alone for a while where its image is out of reach (%d), and the other images go on", async (...no) => {
    browser.server.refusal = (imageId) => (imageId === 7 ? failing(...no) : null);
    const tab = await browser.open(7);
    const other = tab.open(8);
    await tab.add("a", 1);
    await tab.add("b", 1, other);
    const report = await tab.until("gone");
    expect([...report.masks]).toEqual([[7, 1]]);
    expect(browser.server.order).toEqual(["b:1"]);
  });
});

import { afterEach, beforeEach, expect, it } from "vitest";

import { Browser } from "../../api/outbox-bench";
import type { WireOperation } from "../../api/wire";
import { settleRefused } from "./set-aside";

let browser: Browser;
let sent: WireOperation[];

beforeEach(() => {
  browser = new Browser();
  sent = [];
  browser.server.verdict = (operation) => {
    sent.push(operation);
    return operation.override ? null : "rejected";
  };
});
afterEach(() => browser.close());

it("sends everything that was refused of a mask again, with the override, once the person says so", async () => {
  const tab = await browser.open();
  await tab.add("a", 1);
  await tab.add("a", 2);
  await tab.add("b", 1);
  await tab.until("refused");
  settleRefused(tab.outbox, "a", "override");
  while (browser.server.order.length < 2) await new Promise((resolve) => setImmediate(resolve));
  expect(browser.server.order).toEqual(["a:1", "a:2"]);
  expect((await tab.until("refused")).refused.map(({ operation }) => operation.annotation_id)).toEqual(["b"]);
  expect(sent.filter(({ override }) => override).every(({ annotation_id: id }) => id === "a")).toBe(true);
});

it("keeps the override over a reload, and sends none where nobody said so", async () => {
  const first = await browser.open();
  await first.add("a", 1);
  await first.until("refused");
  settleRefused(first.outbox, "a", "retry");
  await first.outbox.settle();
  await first.until("refused");
  expect(sent.some(({ override }) => override)).toBe(false);
  browser.server.cut = "before";
  settleRefused(first.outbox, "a", "override");
  await first.until("offline");
  first.close();
  browser.server.cut = "none";
  const second = await browser.open();
  await second.until("saved");
  expect(browser.server.order).toEqual(["a:1"]);
});

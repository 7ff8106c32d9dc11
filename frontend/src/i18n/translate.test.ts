import { describe, expect, it } from "vitest";

import { MESSAGES_EN, type MessageKey } from "./messages-en";
import { MESSAGES_KO } from "./messages-ko";
import { MESSAGES_ZH_HANT } from "./messages-zh-hant";
import { loadMessages, LOCALES, localeOf, Translator } from "./translate";

const placesIn = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).sort();

describe.each([
  ["ko", MESSAGES_KO],
  ["zh-Hant", MESSAGES_ZH_HANT],
] as const)("%s", (_name, messages) => {
  it("fills in the same values as English, and leaves nothing empty", () => {
    for (const key of Object.keys(MESSAGES_EN) as MessageKey[]) {
      expect([key, placesIn(messages[key])]).toEqual([key, placesIn(MESSAGES_EN[key])]);
      expect(messages[key].trim()).not.toBe("");
    }
  });

  it("is a translation, not a copy", () => {
    const keys = Object.keys(MESSAGES_EN) as MessageKey[];
    const copied = keys.filter(
      (key) => messages[key] === MESSAGES_EN[key] && /[a-z]{4}/i.test(MESSAGES_EN[key].replaceAll(/\{\w+\}/g, "")),
    );
    expect(copied).toEqual([]);
  });
});

it("fills in values and leaves unknown places visible", () => {
  const { t, dynamic } = new Translator("en", MESSAGES_EN);
  expect(t("bar.position", { position: 3, total: 8 })).toBe("3 of 8");
  expect(t("bar.position", { position: 3 })).toBe("3 of {total}");
  expect(dynamic("no.such.key")).toBe("no.such.key");
  expect(dynamic("toString")).toBe("toString");
});

it("knows its languages by the server's tags and the browsers'", () => {
  expect(["ko", "ko-KR", "zh-hant", "zh-Hant", "zh-TW", "en", "en-US", "fr", ""].map(localeOf)).toEqual([
    "ko",
    "ko",
    "zh-Hant",
    "zh-Hant",
    "zh-Hant",
    "en",
    "en",
    "en",
    "en",
  ]);
});

it("loads every language that it offers", async () => {
  for (const { id } of LOCALES) expect((await loadMessages(id))["bar.back"]).not.toBe("");
});

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { expect, it } from "vitest";

import { MESSAGES_EN } from "./messages-en";
import { MESSAGES_KO } from "./messages-ko";
import { MESSAGES_ZH_HANT } from "./messages-zh-hant";
import { LOCALES } from "./translate";

const UI = fileURLToPath(new URL("../ui/", import.meta.url));
const WORDS = fileURLToPath(new URL("./", import.meta.url));
const SPOKEN = ["aria-label", "title", "placeholder", "alt", "aria-valuetext"];

/** What a panel says of its own accord: words between tags, and words given to an attribute that people hear or see. */
function wordsIn(source: string): string[] {
  const code = source.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
  const between = [...code.matchAll(/(?<!=)>([^<>{}()=;]*[\p{L}]{2}[^<>{}()=;]*)<\//gu)].map(([, words]) =>
    words.trim(),
  );
  const spoken = [...code.matchAll(new RegExp(`\\b(${SPOKEN.join("|")})="([^"]*\\p{L}[^"]*)"`, "gu"))];
  return [...between, ...spoken.map(([, , words]) => words)];
}

it("notices words that are written into a panel", () => {
  expect(wordsIn("<b>Save now</b>")).toEqual(["Save now"]);
  expect(wordsIn('<input aria-label="Search" />')).toEqual(["Search"]);
  expect(wordsIn("<b>{t('save')}</b> <i>·</i>")).toEqual([]);
});

it("finds none in the panels: people read their own language", () => {
  const files = readdirSync(UI).filter((name) => name.endsWith(".tsx"));
  expect(files.length).toBeGreaterThan(10);
  for (const name of files) expect([name, wordsIn(readFileSync(UI + name, "utf8"))]).toEqual([name, []]);
});

it("has the same keys in every language", () => {
  const keys = Object.keys(MESSAGES_EN).sort();
  expect(Object.keys(MESSAGES_KO).sort()).toEqual(keys);
  expect(Object.keys(MESSAGES_ZH_HANT).sort()).toEqual(keys);
});

it("says one thing under each key: words of one file never hide another's", () => {
  for (const { id } of LOCALES) {
    const files = readdirSync(WORDS).filter((name) => name.endsWith(`-${id.toLowerCase()}.ts`));
    const sources = files.map((name) => readFileSync(WORDS + name, "utf8"));
    const keys = sources.flatMap((text) => [...text.matchAll(/^ {2}"([\w.-]+)":/gmu)].map(([, key]) => key));
    expect(keys.length).toBeGreaterThan(300);
    expect([id, keys.filter((key, place) => keys.indexOf(key) !== place)]).toEqual([id, []]);
  }
});

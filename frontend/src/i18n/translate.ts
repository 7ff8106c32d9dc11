/** Texts by key in the person's language. Knows nothing of where they are shown. */
import { MESSAGES_EN, type MessageKey, type Messages } from "./messages-en";

export const LOCALES = [
  { id: "en", name: "English" },
  { id: "ko", name: "한국어" },
  { id: "zh-Hant", name: "繁體中文" },
] as const;

export type LocaleId = (typeof LOCALES)[number]["id"];
export type Params = Readonly<Record<string, string | number>>;

/** The language to use: the person's own choice, else the browser's first that there is, else English. */
export function pickLocale(preferred: string | undefined, browser: readonly string[]): LocaleId {
  for (const wanted of preferred === undefined ? browser : [preferred, ...browser]) {
    const tag = wanted.toLowerCase();
    if (tag.startsWith("ko")) return "ko";
    if (tag.startsWith("zh")) return "zh-Hant";
    if (tag.startsWith("en")) return "en";
  }
  return "en";
}

/** Load a language; English is always there, the others come when they are wanted. */
export async function loadMessages(locale: LocaleId): Promise<Messages> {
  switch (locale) {
    case "en":
      return MESSAGES_EN;
    case "ko":
      return (await import("./messages-ko")).MESSAGES_KO;
    case "zh-Hant":
      return (await import("./messages-zh-hant")).MESSAGES_ZH_HANT;
  }
}

export class Translator {
  constructor(
    readonly locale: LocaleId,
    private readonly messages: Messages,
  ) {}

  readonly t = (key: MessageKey, params: Params = {}): string =>
    this.messages[key].replaceAll(/\{(\w+)\}/g, (whole, name: string) => String(params[name] ?? whole));

  /** A text whose key was put together at run time; the key itself when there is none. */
  readonly dynamic = (key: string, params: Params = {}): string =>
    Object.hasOwn(this.messages, key) ? this.t(key as MessageKey, params) : key;

  number(value: number, digits = 0): string {
    return new Intl.NumberFormat(this.locale, { maximumFractionDigits: digits, minimumFractionDigits: digits }).format(
      value,
    );
  }
}

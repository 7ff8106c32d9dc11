/** Texts by key in the person's language. Knows nothing of where they are shown. */
import { MESSAGES_EN, type MessageKey, type Messages } from "./messages-en";

export const LOCALES = [
  { id: "en", name: "English" },
  { id: "ko", name: "한국어" },
  { id: "zh-Hant", name: "繁體中文" },
] as const;

export type LocaleId = (typeof LOCALES)[number]["id"];
export type Params = Readonly<Record<string, string | number>>;

/** The language of a tag such as "zh-hant" or "ko-KR"; English for one that is not spoken here. */
export function localeOf(tag: string): LocaleId {
  if (/^ko\b/i.test(tag)) return "ko";
  return /^zh\b/i.test(tag) ? "zh-Hant" : "en";
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

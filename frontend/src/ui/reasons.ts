/** Why something was refused, in the person's language where its code has words there; else as the server said it. */
import type { Translator } from "../i18n/translate";

export function reasonText(translator: Translator, code: string, message: string): string {
  const key = `error.${code}`;
  const words = translator.dynamic(key);
  return words === key ? message : words;
}

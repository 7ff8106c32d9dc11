/** How panels watch stores and speak the person's language. */
import { createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";

import type { Params, Translator } from "../i18n/translate";
import type { Readable } from "../model/store";
import type { Workspace } from "../model/workspace";

export interface Surroundings {
  readonly workspace: Workspace;
  readonly translator: Translator;
}

export const SurroundingsContext = createContext<Surroundings | null>(null);

export function useSurroundings(): Surroundings {
  const surroundings = useContext(SurroundingsContext);
  if (!surroundings) throw new Error("Panels live inside the workspace.");
  return surroundings;
}

/** Texts as they suit what points at the photo: a key with `.touch` beside it has other words for fingers and pens. */
export function useWording(): (key: string, params?: Params) => string {
  const { workspace, translator } = useSurroundings();
  const isMouse = useStore(workspace.pointer) === "mouse";
  return (key, params = {}) => {
    const touch = `${key}.touch`;
    const words = isMouse ? touch : translator.dynamic(touch, params);
    return words === touch ? translator.dynamic(key, params) : words;
  };
}

/** Whether the window is as a media query says; the panel is drawn again when that changes. */
export function useMedia(query: string): boolean {
  const [isSo, setSo] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const media = matchMedia(query);
    const update = (): void => setSo(media.matches);
    media.addEventListener("change", update);
    return () => media.removeEventListener("change", update);
  }, [query]);
  return isSo;
}

/** A store's value; the panel is drawn again when it changes. */
export function useStore<T>(store: Readable<T>): T {
  const [value, setValue] = useState(() => store.get());
  useEffect(() => {
    const update = (): void => setValue(() => store.get());
    update();
    return store.subscribe(update);
  }, [store]);
  return value;
}

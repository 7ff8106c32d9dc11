/** How panels watch stores and speak the person's language. */
import { createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";

import type { Translator } from "../i18n/translate";
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

/** A person's own keys, language and hand, kept with the account. */
import type { WorkspaceApi } from "../api/workspace-api";
import { DEFAULT_BINDINGS, LEFT_HANDED_BINDINGS, mergeBindings } from "../input/keymap";
import type { ActionId, Bindings } from "../model/actions";
import { Store } from "../model/store";
import type { Preferences, WorkspaceConfig } from "./config";
import type { Stores } from "./stores";

export class Personal {
  private shortcuts: Partial<Record<string, readonly string[]>>;
  readonly isLeftHanded: Store<boolean>;

  constructor(
    config: WorkspaceConfig,
    private readonly api: WorkspaceApi,
    private readonly stores: Stores,
  ) {
    this.shortcuts = config.preferences.shortcuts ?? {};
    this.isLeftHanded = new Store(config.preferences.is_left_handed ?? false);
  }

  /** Give an action other keys; null gives it back those it came with. */
  bind(action: ActionId, chords: readonly string[] | null): void {
    const rest = Object.fromEntries(Object.entries(this.shortcuts).filter(([id]) => id !== action));
    this.shortcuts = chords === null ? rest : { ...rest, [action]: chords };
    this.store({ shortcuts: this.shortcuts });
  }

  useLeftHanded(isLeft: boolean): void {
    this.isLeftHanded.set(isLeft);
    this.store({ is_left_handed: isLeft });
  }

  changeLocale(locale: string): void {
    this.stores.locale.set(locale);
    this.store({ locale });
  }

  private store(changes: Preferences): void {
    this.stores.bindings.set(bindingsFor({ shortcuts: this.shortcuts, is_left_handed: this.isLeftHanded.get() }));
    // It holds for this visit in any case; the next change tries to keep it again.
    this.api.savePreferences({ ...changes }).catch(() => undefined);
  }
}

export function bindingsFor(preferences: Preferences): Bindings {
  const base = preferences.is_left_handed ? LEFT_HANDED_BINDINGS : DEFAULT_BINDINGS;
  return mergeBindings(base, preferences.shortcuts ?? {});
}

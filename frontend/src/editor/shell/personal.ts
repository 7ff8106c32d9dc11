/** A person's own keys, language and hand, kept with the account. */
import type { WorkspaceApi } from "../../api/workspace-api";
import { DEFAULT_BINDINGS, LEFT_HANDED_BINDINGS, mergeBindings } from "../../input/keymap";
import type { ActionId, Bindings } from "../../model/actions";
import { Store } from "../../model/store";
import type { Theme } from "../../model/workspace";
import type { Preferences, WorkspaceConfig } from "../state/config";
import type { Stores } from "../state/stores";

export class Personal {
  private shortcuts: Readonly<Record<string, readonly string[]>>;
  readonly isLeftHanded: Store<boolean>;
  readonly theme: Store<Theme>;
  /** Actions with keys of the person's own. */
  readonly rebound: Store<ReadonlySet<string>>;

  constructor(
    config: WorkspaceConfig,
    private readonly api: WorkspaceApi,
    private readonly stores: Stores,
  ) {
    this.shortcuts = config.preferences.shortcuts ?? {};
    this.isLeftHanded = new Store(config.preferences.is_left_handed ?? false);
    this.theme = new Store<Theme>(config.theme);
    this.rebound = new Store<ReadonlySet<string>>(new Set(Object.keys(this.shortcuts)));
  }

  /** Give an action other keys; null gives it back those it came with. */
  bind(action: ActionId, chords: readonly string[] | null): void {
    const others = Object.entries(this.shortcuts).filter(([id]) => id !== action);
    // A chord means one thing: what else had it as its own loses it.
    const rest = others.map(([id, own]) => [id, own.filter((chord) => !chords?.includes(chord))]);
    const kept = Object.fromEntries(rest) as Record<string, readonly string[]>;
    this.keepShortcuts(chords === null ? kept : { ...kept, [action]: chords });
  }

  resetBindings(): void {
    this.keepShortcuts({});
  }

  private keepShortcuts(shortcuts: Record<string, readonly string[]>): void {
    this.shortcuts = shortcuts;
    this.rebound.set(new Set(Object.keys(shortcuts)));
    this.store({ shortcuts });
  }

  useLeftHanded(isLeft: boolean): void {
    this.isLeftHanded.set(isLeft);
    this.store({ is_left_handed: isLeft });
  }

  changeLocale(locale: string): void {
    this.stores.locale.set(locale);
    this.store({ locale });
  }

  changeTheme(theme: Theme): void {
    this.theme.set(theme);
    this.store({ theme });
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

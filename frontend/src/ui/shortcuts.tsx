/** All keys on one page; each can be bound anew by pressing the new ones. */
import type { JSX } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";

import type { Translator } from "../i18n/translate";
import { ACTION_LIST, type ActionGroup, type ActionId } from "../model/actions";
import type { Workspace } from "../model/workspace";
import { chordText, Switch } from "./controls";
import { useStore, useSurroundings } from "./hooks";

const GROUPS: readonly ActionGroup[] = ["prompt", "tools", "edit", "masks", "view", "flow", "cursor"];

export function Shortcuts(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const [listening, setListening] = useState<ActionId | null>(null);
  const [said, setSaid] = useState("");
  const [search, setSearch] = useState("");
  const isLeftHanded = useStore(workspace.isLeftHanded);
  const rebound = useStore(workspace.rebound);
  useRebinding(listening, (chord) => {
    if (chord !== null && listening !== null) setSaid(rebind(workspace, translator, listening, chord));
    setListening(null);
  });
  const wanted = search.trim().toLocaleLowerCase();
  const found = ACTION_LIST.filter(({ id }) => t(`action.${id}`).toLocaleLowerCase().includes(wanted));
  return (
    <div class="shortcuts">
      <p class="prose">{t("shortcuts.labels")}</p>
      <div class="shortcut-tools">
        <input
          type="search"
          class="search"
          placeholder={t("shortcuts.search")}
          aria-label={t("shortcuts.search")}
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
        <Switch
          name={t("shortcuts.lefthanded")}
          isOn={isLeftHanded}
          onChange={(isLeft) => workspace.useLeftHanded(isLeft)}
        />
        <button
          type="button"
          class="button"
          disabled={rebound.size === 0}
          onClick={() => {
            workspace.resetBindings();
            setSaid("");
          }}
        >
          {t("shortcuts.reset.all")}
        </button>
      </div>
      <p class="quiet" role="status">
        {said}
      </p>
      <div class="shortcut-groups">
        {GROUPS.filter((group) => found.some((action) => action.group === group)).map((group) => (
          <section key={group} aria-label={t(`shortcuts.group.${group}`)}>
            <h3>{t(`shortcuts.group.${group}`)}</h3>
            {found
              .filter((action) => action.group === group)
              .map(({ id }) => (
                <ShortcutRow key={id} id={id} isListening={listening === id} onListen={() => setListening(id)} />
              ))}
          </section>
        ))}
      </div>
    </div>
  );
}

/** Bind, and say which action lost the keys, if any. */
function rebind(workspace: Workspace, translator: Translator, id: ActionId, chord: string): string {
  const { t } = translator;
  const bindings = workspace.bindings.get();
  const former = ACTION_LIST.find((action) => action.id !== id && bindings[action.id].includes(chord));
  workspace.bind(id, [chord]);
  if (!former) return "";
  const keys = chordText(chord) ?? "";
  return t("shortcuts.taken", { keys, action: t(`action.${id}`), former: t(`action.${former.id}`) });
}

function ShortcutRow(props: { readonly id: ActionId; readonly isListening: boolean; onListen(): void }): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const bindings = useStore(workspace.bindings);
  const isOwn = useStore(workspace.rebound).has(props.id);
  const name = t(`action.${props.id}`);
  return (
    <div class={`shortcut ${isOwn ? "is-own" : ""}`}>
      <span>{name}</span>
      {isOwn && (
        <button
          type="button"
          class="keys"
          aria-label={`${t("shortcuts.reset")}: ${name}`}
          title={t("shortcuts.reset")}
          onClick={() => workspace.bind(props.id, null)}
        >
          ↺
        </button>
      )}
      <button
        type="button"
        class="keys"
        aria-label={`${name}: ${bindings[props.id].join(", ")}. ${t("shortcuts.rebind")}`}
        title={t("shortcuts.rebind")}
        onClick={() => props.onListen()}
      >
        {props.isListening
          ? t("shortcuts.press")
          : bindings[props.id].map((chord) => <kbd key={chord}>{chordText(chord)}</kbd>)}
        {!props.isListening && bindings[props.id].length === 0 && <kbd>–</kbd>}
      </button>
    </div>
  );
}

/** While an action waits for its keys, tell the next chord; null for Escape, which leaves it as it was. */
function useRebinding(id: ActionId | null, onChord: (chord: string | null) => void): void {
  const { workspace } = useSurroundings();
  // At once: the next key may come before the next frame.
  useLayoutEffect(() => {
    if (id === null) return;
    const listen = (event: KeyboardEvent): void => {
      if (["Control", "Shift", "Alt", "Meta"].includes(event.key)) return;
      event.preventDefault();
      event.stopPropagation();
      onChord(event.key === "Escape" ? null : workspace.chordOf(event));
    };
    window.addEventListener("keydown", listen, { capture: true });
    return () => window.removeEventListener("keydown", listen, { capture: true });
  }, [id]);
}

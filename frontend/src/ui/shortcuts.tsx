/** All keys on one page; each can be bound anew by pressing the new ones. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

import { ACTION_LIST, type ActionGroup, type ActionId } from "../model/actions";
import { chordText, Switch } from "./controls";
import { useStore, useSurroundings } from "./hooks";

const GROUPS: readonly ActionGroup[] = ["prompt", "tools", "edit", "masks", "view", "flow", "cursor"];

export function Shortcuts(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const [listening, setListening] = useState<ActionId | null>(null);
  const isLeftHanded = useStore(workspace.isLeftHanded);
  useRebinding(listening, () => setListening(null));
  return (
    <div class="shortcuts">
      <p class="prose">{t("shortcuts.labels")}</p>
      <Switch
        name={t("shortcuts.lefthanded")}
        isOn={isLeftHanded}
        onChange={(isLeft) => workspace.useLeftHanded(isLeft)}
      />
      <div class="shortcut-groups">
        {GROUPS.map((group) => (
          <section key={group} aria-label={t(`shortcuts.group.${group}`)}>
            <h3>{t(`shortcuts.group.${group}`)}</h3>
            {ACTION_LIST.filter((action) => action.group === group).map(({ id }) => (
              <ShortcutRow key={id} id={id} isListening={listening === id} onListen={() => setListening(id)} />
            ))}
          </section>
        ))}
      </div>
    </div>
  );
}

function ShortcutRow(props: { readonly id: ActionId; readonly isListening: boolean; onListen(): void }): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const bindings = useStore(workspace.bindings);
  const name = t(`action.${props.id}`);
  return (
    <div class="shortcut">
      <span>{name}</span>
      <button
        type="button"
        class="keys"
        aria-label={`${name}: ${bindings[props.id].join(", ")}. ${t("shortcuts.rebind")}`}
        onClick={() => props.onListen()}
        onContextMenu={(event) => {
          event.preventDefault();
          workspace.bind(props.id, null);
        }}
      >
        {props.isListening
          ? t("shortcuts.press")
          : bindings[props.id].map((chord) => <kbd key={chord}>{chordText(chord)}</kbd>)}
      </button>
    </div>
  );
}

/** While an action waits for its keys, take the next chord for it; Escape leaves it as it was. */
function useRebinding(id: ActionId | null, onDone: () => void): void {
  const { workspace } = useSurroundings();
  useEffect(() => {
    if (id === null) return;
    const listen = (event: KeyboardEvent): void => {
      if (["Control", "Shift", "Alt", "Meta"].includes(event.key)) return;
      event.preventDefault();
      event.stopPropagation();
      if (event.key !== "Escape") workspace.bind(id, [workspace.chordOf(event)]);
      onDone();
    };
    window.addEventListener("keydown", listen, { capture: true });
    return () => window.removeEventListener("keydown", listen, { capture: true });
  }, [id]);
}

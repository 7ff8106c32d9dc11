/** The few things that come up over the photo: shortcuts, guidelines, skip, comment, versions. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { CommentForm } from "./comments";
import { IconButton } from "./controls";
import { EngineChoice } from "./engine-choice";
import { useStore, useSurroundings } from "./hooks";
import { Shortcuts } from "./shortcuts";
import { SkipForm } from "./skip-form";
import { Trash } from "./trash";
import { Versions } from "./versions";

export function Dialogs(): JSX.Element | null {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const dialog = useStore(workspace.dialog);
  switch (dialog) {
    case null:
      return null;
    case "shortcuts":
      return (
        <Dialog title={t("shortcuts.title")} isWide={true}>
          <Shortcuts />
        </Dialog>
      );
    case "guidelines":
      return (
        <Dialog title={t("bar.guidelines")}>
          <p class="prose">{workspace.guidelines || t("guidelines.none")}</p>
        </Dialog>
      );
    case "skip":
      return (
        <Dialog title={t("skip.title")}>
          <SkipForm />
        </Dialog>
      );
    case "comment":
      return (
        <Dialog title={t("selected.comment")}>
          <CommentForm />
        </Dialog>
      );
    case "engine":
      return (
        <Dialog title={t("engine.title")}>
          <EngineChoice />
        </Dialog>
      );
    case "trash":
      return (
        <Dialog title={t("trash.title")}>
          <Trash />
        </Dialog>
      );
    case "versions":
      return (
        <Dialog title={t("versions.title")}>
          <Versions />
        </Dialog>
      );
  }
}

function Dialog(props: {
  readonly title: string;
  readonly isWide?: boolean;
  readonly children: ComponentChildren;
}): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    element.current?.showModal();
  }, []);
  return (
    <dialog
      ref={element}
      class={props.isWide ? "dialog wide" : "dialog"}
      aria-label={props.title}
      onClose={() => workspace.dialog.set(null)}
    >
      <header>
        <h2>{props.title}</h2>
        <IconButton icon="close" name={translator.t("dialog.close")} onPress={() => workspace.dialog.set(null)} />
      </header>
      {props.children}
    </dialog>
  );
}

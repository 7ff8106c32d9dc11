/** The few things that come up over the photo: shortcuts, guidelines, skip, comment, versions. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { IconButton } from "./controls";
import { EngineChoice } from "./engine-choice";
import { useStore, useSurroundings } from "./hooks";
import { Shortcuts } from "./shortcuts";

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

const REASONS = ["blurry", "nothing", "unclear", "other"] as const;

function SkipForm(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const [reason, setReason] = useState<(typeof REASONS)[number]>("blurry");
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        workspace.dialog.set(null);
        workspace.skip(t(`skip.${reason}`));
      }}
    >
      <fieldset>
        <legend>{t("skip.reason")}</legend>
        {REASONS.map((id) => (
          <label key={id} class="radio">
            <input type="radio" name="reason" checked={reason === id} onChange={() => setReason(id)} />{" "}
            {t(`skip.${id}`)}
          </label>
        ))}
      </fieldset>
      <button type="submit" class="button primary">
        {t("skip.send")}
      </button>
    </form>
  );
}

function CommentForm(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const [body, setBody] = useState("");
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        workspace.dialog.set(null);
        workspace.addComment(body.trim());
      }}
    >
      <textarea
        rows={4}
        maxLength={5000}
        aria-label={t("selected.comment")}
        placeholder={t("comments.placeholder")}
        value={body}
        onInput={(event) => setBody(event.currentTarget.value)}
      />
      <button type="submit" class="button primary" disabled={body.trim() === ""}>
        {t("comments.send")}
      </button>
    </form>
  );
}

function Versions(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const versions = useStore(workspace.versions);
  if (versions === null) return <p role="status">{t("versions.loading")}</p>;
  return (
    <ol class="versions">
      {versions.map((version) => (
        <li key={version.revision}>
          <span>
            {t("versions.row", { revision: version.revision, action: version.action, author: version.authorName })}
            <small>
              {new Intl.DateTimeFormat(translator.locale, { dateStyle: "medium", timeStyle: "short" }).format(
                new Date(version.createdAt),
              )}
            </small>
          </span>
          <button
            type="button"
            class="button"
            disabled={version.record === null}
            onClick={() => {
              workspace.restoreVersion(version);
              workspace.dialog.set(null);
            }}
          >
            {t("versions.restore")}
          </button>
        </li>
      ))}
    </ol>
  );
}

/** Shows the editor to the panels as the Workspace they know. */
import { chordOf } from "../../input/keymap";
import type { Workspace } from "../../model/workspace";
import { showComment } from "../review/comment-view";
import { settleRefused } from "../saving/set-aside";
import type { WorkspaceConfig } from "../state/config";
import type { Editor } from "./editor";

export function workspaceDoor(editor: Editor, config: WorkspaceConfig, useEngine: Workspace["useEngine"]): Workspace {
  const { stores, comments, personal, selecting } = editor;
  const { guarded } = editor.submitted;
  stores.dialog.subscribe(() => {
    const id = selecting.ids.at(0);
    if (stores.dialog.get() === "trash") void editor.trash.load();
    if (stores.dialog.get() === "versions" && id !== undefined) void editor.versions.load(id);
  });
  return {
    ...stores,
    isLeftHanded: personal.isLeftHanded,
    theme: personal.theme,
    rebound: personal.rebound,
    projectName: config.project.name,
    guidelines: config.project.guidelines,
    userName: config.user.name,
    labels: editor.labels,
    canEdit: true,
    mayOverride: config.role !== "annotator",
    perform: (action) => editor.perform(action),
    chooseTool: (tool) => editor.chooseTool(tool),
    changeSettings: (change) => editor.changeSettings(change),
    changeBrush: (change) => editor.changeBrush(change),
    select: (id, mode) => selecting.select(id, mode),
    highlight: (id) => selecting.highlight(id),
    chooseCandidate: (index) => editor.session?.prompting.chooseCandidate(index),
    applyLabel: (labelId) => editor.applyLabel(labelId),
    showMask: (id) => editor.showMask(id),
    setAttribute: guarded((ids, name, value) => editor.session?.commands.setAttribute(ids, name, value)),
    setLocked: guarded((id, isLocked) => editor.session?.commands.setLocked([id], isLocked)),
    deleteMask: guarded((id) => editor.session?.commands.delete([id])),
    decideSuggestions: guarded((ids, isAccepted) => editor.deciding.decide(ids, isAccepted)),
    settleRefused: (id, choice) => settleRefused(editor.outbox, id, choice),
    leave: (address) => void editor.flow.leavePage(address),
    resolveConflict: (id, choice) => editor.conflicts.resolve(id, choice),
    addComment: (body) => void comments.add(body),
    showComment: (id) => showComment(editor, id),
    resolveComment: (id, isResolved) => void comments.resolve(id, isResolved),
    restoreDeleted: guarded((id) => editor.trash.restore(id)),
    restoreVersion: guarded((version) => editor.versions.restore(version)),
    decideReview: (verdict, comment) => void editor.work.review.decide(verdict, comment),
    skip: (reason) => void editor.flow.skip(reason),
    openImage: (id) => void editor.flow.open(id),
    useEngine,
    bind: (action, chords) => personal.bind(action, chords),
    resetBindings: () => personal.resetBindings(),
    useLeftHanded: (isLeft) => personal.useLeftHanded(isLeft),
    chordOf: ({ key, code, ctrlKey, altKey, shiftKey, metaKey }) =>
      chordOf({ key, code, isCtrl: ctrlKey, isAlt: altKey, isShift: shiftKey, isMeta: metaKey }),
    changeLocale: (locale) => personal.changeLocale(locale),
    changeTheme: (theme) => personal.changeTheme(theme),
    dismiss: (id) => editor.notices.dismiss(id),
    colorOf: (record) => editor.scene.colorOf(record),
    thumbnail: (canvas, record) => editor.viewing.thumbnail(canvas, record, editor.scene.colorOf(record)),
  };
}

/** Shows the editor to the panels as the Workspace they know. */
import { chordOf } from "../input/keymap";
import type { Workspace } from "../model/workspace";
import { showComment } from "./comment-view";
import type { WorkspaceConfig } from "./config";
import type { Editor } from "./editor";

export function workspaceDoor(editor: Editor, config: WorkspaceConfig, useEngine: Workspace["useEngine"]): Workspace {
  const { stores, reviewing, personal, selecting } = editor;
  stores.dialog.subscribe(() => {
    const id = selecting.ids.at(0);
    if (stores.dialog.get() === "versions" && id !== undefined) void reviewing.loadVersions(id);
  });
  return {
    ...stores,
    isLeftHanded: personal.isLeftHanded,
    rebound: personal.rebound,
    projectName: config.project.name,
    guidelines: config.project.guidelines,
    userName: config.user.name ?? config.user.username ?? "",
    labels: editor.labels,
    canEdit: true,
    perform: (action) => editor.perform(action),
    chooseTool: (tool) => editor.chooseTool(tool),
    changeSettings: (change) => editor.changeSettings(change),
    changeBrush: (change) => editor.changeBrush(change),
    select: (id, mode) => selecting.select(id, mode),
    highlight: (id) => selecting.highlight(id),
    chooseCandidate: (index) => editor.session?.prompting.chooseCandidate(index),
    applyLabel: (labelId) => editor.selected.applyLabel(labelId),
    setAttribute: (ids, name, value) => editor.session?.commands.setAttribute(ids, name, value),
    setLocked: (id, isLocked) => editor.session?.commands.setLocked([id], isLocked),
    deleteMask: (id) => editor.session?.commands.delete([id]),
    decideSuggestions: (ids, isAccepted) => editor.decideSuggestions(ids, isAccepted),
    resolveConflict: (id, choice) => reviewing.resolveConflict(id, choice),
    addComment: (body) => void reviewing.addComment(body),
    showComment: (id) => showComment(editor, id),
    resolveComment: (id, isResolved) => void reviewing.resolveComment(id, isResolved),
    restoreVersion: (version) => reviewing.restoreVersion(version),
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
    dismiss: (id) => editor.notices.dismiss(id),
    colorOf: (record) => editor.scene.colorOf(record),
    thumbnail: (canvas, record) => editor.viewing.thumbnail(canvas, record, editor.scene.colorOf(record)),
  };
}

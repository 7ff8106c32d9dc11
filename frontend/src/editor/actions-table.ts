/** What each action does, as one table. */
import type { ActionId } from "../model/actions";
import { unanswered } from "../model/mask-record";
import { steppedSize } from "../model/view-settings";
import { startComment } from "./comment-view";
import type { Editor } from "./editor";

/** Screen pixels that one arrow key moves the keyboard's cursor. */
const CURSOR_STEP_PX = 12;
const ZOOM_STEP = 1.25;

export function makeActions(editor: Editor): Readonly<Record<ActionId, () => void>> {
  const { stores, desk, viewing, selecting } = editor;
  const commands = () => editor.session?.commands;
  const toggle = (name: "isHoverOn" | "areMasksHidden" | "isSolo" | "isSpotlightOn") => () =>
    editor.changeSettings({ [name]: !stores.settings.get()[name] });
  const move = (dx: number, dy: number) => () => desk.moveCursor(dx, dy);
  return {
    accept: () => editor.accept(),
    abandon: () => editor.abandon(),
    candidateNext: () => editor.session?.prompting.cycleCandidate(1),
    candidatePrevious: () => editor.session?.prompting.cycleCandidate(-1),
    toggleHover: toggle("isHoverOn"),
    refineWithModel: () => editor.selected.refine(),
    toolSelect: () => desk.choose("select"),
    toolPoints: () => desk.choose("points"),
    toolBox: () => desk.choose("box"),
    toolBrush: () => desk.choose("brush"),
    toolEraser: () => desk.choose("eraser"),
    toolLasso: () => desk.choose("lasso"),
    brushSmaller: () => editor.changeBrush({ size: steppedSize(stores.brush.get().size, -1) }),
    brushLarger: () => editor.changeBrush({ size: steppedSize(stores.brush.get().size, 1) }),
    undo: () => editor.undo(),
    redo: () => editor.redo(),
    delete: () => editor.selected.delete(),
    duplicate: () => selecting.set(commands()?.duplicate(selecting.ids) ?? []),
    merge: () => commands()?.combine(selecting.ids, "union"),
    subtract: () => commands()?.combine(selecting.ids, "subtract"),
    intersect: () => commands()?.combine(selecting.ids, "intersect"),
    fillHoles: () => commands()?.cleanUp(selecting.ids, "fillHoles"),
    removeSpecks: () => commands()?.cleanUp(selecting.ids, "removeSpecks"),
    smooth: () => commands()?.cleanUp(selecting.ids, "smooth"),
    moveUp: () => commands()?.restack(selecting.ids, "up"),
    moveDown: () => commands()?.restack(selecting.ids, "down"),
    toggleLock: () => editor.selected.toggleLock(),
    selectAll: () => selecting.selectAll(),
    selectNext: () => selecting.step(1),
    selectPrevious: () => selecting.step(-1),
    searchLabels: () => stores.isLabelSearchOpen.set(true),
    acceptSuggestion: () => editor.decideSuggestions(selecting.ids, true),
    rejectSuggestion: () => editor.decideSuggestions(selecting.ids, false),
    toggleRemaining: () => editor.work.remaining.toggle(),
    nextGap: () => editor.work.remaining.goToNextGap(),
    comment: () => startComment(editor),
    zoomIn: () => viewing.zoomAtMiddle(ZOOM_STEP),
    zoomOut: () => viewing.zoomAtMiddle(1 / ZOOM_STEP),
    fit: () => viewing.fit(),
    actualSize: () => viewing.zoomAtMiddle(1 / stores.view.get().scale),
    zoomToSelection: () => editor.selected.bringNear(),
    toggleMasks: toggle("areMasksHidden"),
    toggleSolo: toggle("isSolo"),
    toggleColors: () =>
      editor.changeSettings({ colorBy: stores.settings.get().colorBy === "label" ? "instance" : "label" }),
    toggleSpotlight: toggle("isSpotlightOn"),
    togglePanel: () => stores.isPanelOpen.update((isOpen) => !isOpen),
    submitNext: () => submit(editor),
    skip: () => stores.dialog.set("skip"),
    imageNext: () => editor.flow.step("nextId"),
    imagePrevious: () => editor.flow.step("previousId"),
    showShortcuts: () => stores.dialog.set("shortcuts"),
    showGuidelines: () => stores.dialog.set("guidelines"),
    cursorLeft: move(-CURSOR_STEP_PX, 0),
    cursorRight: move(CURSOR_STEP_PX, 0),
    cursorUp: move(0, -CURSOR_STEP_PX),
    cursorDown: move(0, CURSOR_STEP_PX),
    cursorLeftFine: move(-1, 0),
    cursorRightFine: move(1, 0),
    cursorUpFine: move(0, -1),
    cursorDownFine: move(0, 1),
    cursorForeground: () => editor.pressAtCursor(1),
    cursorBackground: () => editor.pressAtCursor(0),
  };
}

/** An image goes on when every mask has the answers that its label requires; those that lack one are shown instead. */
function submit({ stores, labels, selecting, notices, work }: Editor): void {
  const open = unanswered(stores.masks.get(), labels);
  if (open.length === 0) {
    void work.finishImage();
    return;
  }
  selecting.set(open.map(({ id }) => id));
  notices.tell("warning", "notice.unanswered", { count: open.length });
}

/** What each action does, as one table. */
import type { ActionId } from "../../model/actions";
import type { LabelInfo } from "../../model/mask-record";
import { steppedSize, type BrushSettings, type ViewSettings } from "../../model/view-settings";
import type { Selecting } from "../editing/selecting";
import { startComment } from "../review/comment-view";
import { submit } from "../review/submitting";
import type { Flow } from "../session/flow";
import type { ImageSession } from "../session/image-session";
import type { Notices } from "../state/notices";
import type { Stores } from "../state/stores";
import type { Deciding } from "../suggestions/deciding";
import type { Viewing } from "../viewing/viewing";
import type { ImageWork } from "./image-work";
import type { SelectedMasks } from "./selected-masks";
import type { ToolHost } from "./tool-host";

/** Screen pixels that one arrow key moves the keyboard's cursor. */
const CURSOR_STEP_PX = 12;
const ZOOM_STEP = 1.25;

/** What actions act on; the editor has it all. */
export interface ActionTargets {
  readonly stores: Stores;
  readonly labels: readonly LabelInfo[];
  readonly notices: Notices;
  readonly tools: ToolHost;
  readonly viewing: Viewing;
  readonly selecting: Selecting;
  readonly selected: SelectedMasks;
  readonly deciding: Deciding;
  readonly work: ImageWork;
  readonly flow: Flow;
  readonly session: ImageSession | null;
  accept(): void;
  abandon(): void;
  undo(): void;
  redo(): void;
  stepSelection(steps: 1 | -1): void;
  pressAtCursor(label: 0 | 1): void;
  changeSettings(change: Partial<ViewSettings>): void;
  changeBrush(change: Partial<BrushSettings>): void;
}

export function makeActions(targets: ActionTargets): Readonly<Record<ActionId, () => void>> {
  return {
    ...promptActions(targets),
    ...toolActions(targets),
    ...editActions(targets),
    ...maskActions(targets),
    ...viewActions(targets),
    ...lookActions(targets),
    ...imageActions(targets),
    ...cursorActions(targets),
  };
}

function promptActions(targets: ActionTargets) {
  const prompting = () => targets.session?.prompting;
  return {
    accept: () => targets.accept(),
    abandon: () => targets.abandon(),
    candidateNext: () => prompting()?.cycleCandidate(1),
    candidatePrevious: () => prompting()?.cycleCandidate(-1),
    refineWithModel: () => targets.selected.refine(),
    sharpen: () => prompting()?.sharpen(),
    acceptSuggestion: () => targets.deciding.decideSelected(true),
    rejectSuggestion: () => targets.deciding.decideSelected(false),
    toggleRemaining: () => targets.work.remaining.toggle(),
    nextGap: () => void targets.work.remaining.goToNextGap(),
  };
}

function toolActions(targets: ActionTargets) {
  const { tools, stores } = targets;
  const resize = (steps: 1 | -1) => () => targets.changeBrush({ size: steppedSize(stores.brush.get().size, steps) });
  return {
    toolSelect: () => tools.choose("select"),
    toolPoints: () => tools.choose("points"),
    toolBox: () => tools.choose("box"),
    toolBrush: () => tools.choose("brush"),
    toolEraser: () => tools.choose("eraser"),
    toolLasso: () => tools.choose("lasso"),
    brushSmaller: resize(-1),
    brushLarger: resize(1),
  };
}

function editActions(targets: ActionTargets) {
  const { selecting } = targets;
  const commands = () => targets.session?.commands;
  return {
    undo: () => targets.undo(),
    redo: () => targets.redo(),
    delete: () => targets.selected.delete(),
    duplicate: () => selecting.set(commands()?.duplicate(selecting.ids) ?? []),
    merge: () => commands()?.combine(selecting.ids, "union"),
    subtract: () => commands()?.combine(selecting.ids, "subtract"),
    intersect: () => commands()?.combine(selecting.ids, "intersect"),
    fillHoles: () => commands()?.cleanUp(selecting.ids, "fillHoles"),
    removeSpecks: () => commands()?.cleanUp(selecting.ids, "removeSpecks"),
    smooth: () => commands()?.cleanUp(selecting.ids, "smooth"),
    moveUp: () => commands()?.restack(selecting.ids, "up"),
    moveDown: () => commands()?.restack(selecting.ids, "down"),
  };
}

function maskActions(targets: ActionTargets) {
  const { selecting, selected, stores } = targets;
  return {
    toggleLock: () => selected.toggleLock(),
    selectAll: () => selecting.selectAll(),
    selectNext: () => targets.stepSelection(1),
    selectPrevious: () => targets.stepSelection(-1),
    searchLabels: () => stores.isLabelSearchOpen.set(true),
    comment: () => startComment(targets),
  };
}

function viewActions({ viewing, selected, stores }: ActionTargets) {
  return {
    zoomIn: () => viewing.zoomAtMiddle(ZOOM_STEP),
    zoomOut: () => viewing.zoomAtMiddle(1 / ZOOM_STEP),
    fit: () => viewing.fit(),
    actualSize: () => viewing.zoomAtMiddle(1 / stores.view.get().scale),
    zoomToSelection: () => selected.bringNear(),
    togglePanel: () => stores.isPanelOpen.update((isOpen) => !isOpen),
  };
}

function lookActions(targets: ActionTargets) {
  const { settings } = targets.stores;
  const toggle = (name: "isHoverOn" | "areMasksHidden" | "isSolo" | "isSpotlightOn") => () =>
    targets.changeSettings({ [name]: !settings.get()[name] });
  return {
    toggleHover: toggle("isHoverOn"),
    toggleMasks: toggle("areMasksHidden"),
    toggleSolo: toggle("isSolo"),
    toggleSpotlight: toggle("isSpotlightOn"),
    toggleColors: () => targets.changeSettings({ colorBy: settings.get().colorBy === "label" ? "instance" : "label" }),
  };
}

function imageActions(targets: ActionTargets) {
  const { stores, flow } = targets;
  return {
    submitNext: () => submit(targets),
    skip: () => stores.dialog.set("skip"),
    imageNext: () => flow.step("nextId"),
    imagePrevious: () => flow.step("previousId"),
    showShortcuts: () => stores.dialog.set("shortcuts"),
    showGuidelines: () => stores.dialog.set("guidelines"),
  };
}

/** Arrow keys move the keyboard's cursor, and two keys press there. */
function cursorActions(targets: ActionTargets) {
  const move = (dx: number, dy: number) => () => targets.tools.moveCursor(dx, dy);
  return {
    cursorLeft: move(-CURSOR_STEP_PX, 0),
    cursorRight: move(CURSOR_STEP_PX, 0),
    cursorUp: move(0, -CURSOR_STEP_PX),
    cursorDown: move(0, CURSOR_STEP_PX),
    cursorLeftFine: move(-1, 0),
    cursorRightFine: move(1, 0),
    cursorUpFine: move(0, -1),
    cursorDownFine: move(0, 1),
    cursorForeground: () => targets.pressAtCursor(1),
    cursorBackground: () => targets.pressAtCursor(0),
  };
}

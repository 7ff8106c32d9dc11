/** What pointers and keys on the canvas do: every one is a sign that somebody is at work. */
import { actionFor } from "../../input/keymap";
import type { ActionId } from "../../model/actions";
import type { LabelInfo } from "../../model/mask-record";
import type { SubmittedGuard } from "../review/submitted-guard";
import type { ImageSession } from "../session/image-session";
import type { Stores } from "../state/stores";
import type { Momentary } from "../viewing/scene";
import type { Viewing } from "../viewing/viewing";
import { bindInput } from "./input-binding";
import type { ToolHost } from "./tool-host";

/** What input acts on; the editor has it all. */
export interface InputTargets {
  readonly stores: Stores;
  readonly labels: readonly LabelInfo[];
  readonly momentary: Momentary;
  readonly viewing: Viewing;
  readonly tools: ToolHost;
  readonly submitted: SubmittedGuard;
  readonly session: () => ImageSession | null;
  perform(action: ActionId): void;
  applyLabel(labelId: number | null): void;
  noteLife(): void;
}

/** Listen until the returned function is called. */
export function handleInput(surface: HTMLElement, targets: InputTargets): () => void {
  const { momentary, stores, viewing, tools, submitted } = targets;
  return bindInput(surface, {
    onPan: (dx, dy) => viewing.pan(dx, dy),
    onZoom: (anchor, factor) => viewing.zoom(anchor, factor),
    onTool: (phase, event, at, button) => {
      targets.noteLife();
      if (phase === "down" && tools.isDrawing && !submitted.mayChange()) return;
      tools.pointer(phase, event, at, button);
    },
    onCandidate: (steps) => targets.session()?.prompting.cycleCandidate(steps),
    onKey: (chord, event) => handleKey(targets, chord, event),
    get isSpaceTaken() {
      return momentary.cursor !== null || stores.dialog.get() !== null;
    },
  });
}

/** True when the key meant something here. */
function handleKey(targets: InputTargets, chord: string, event: KeyboardEvent): boolean {
  const { stores, labels, session } = targets;
  targets.noteLife();
  const action = actionFor(stores.bindings.get(), chord);
  if (stores.dialog.get() !== null && action !== "abandon") return false;
  // Tab walks candidates only while there are any; otherwise it moves the focus, as everywhere.
  const isCandidate = action === "candidateNext" || action === "candidatePrevious";
  if (isCandidate && (session()?.document.draft?.candidates.length ?? 0) === 0) return false;
  const label = labels.find(({ key }) => key !== "" && key === chord);
  if (action === null && !label) return false;
  if (action !== null) targets.perform(action);
  else if (label && !event.repeat) targets.applyLabel(label.id);
  return true;
}

/**
 * The door between the editor and its panels: what panels can watch and what they can ask for.
 *
 * Types only. The editor fulfils it; panels and their tests know nothing else.
 */
import type { ImagePoint, Size } from "../geometry/types";
import type { Viewport } from "../geometry/viewport";
import type { ActionId, Bindings } from "./actions";
import type { Rgb } from "./colors";
import type { Draft } from "./draft";
import type { AttributeValue, LabelInfo, MaskRecord } from "./mask-record";
import type { Readable, Store } from "./store";
import type { SuggestionFilter } from "./suggestion-filter";
import type { BrushSettings, PointerKind, ToolId, ViewSettings } from "./view-settings";
import type { Remaining, ReviewInfo, Verdict } from "./work";

export interface ImageInfo {
  readonly id: number;
  readonly name: string;
  readonly size: Size;
  readonly position: number;
  readonly total: number;
  readonly previousId: number | null;
  readonly nextId: number | null;
  readonly workStatus: string;
}

export type SaveState =
  | "saved"
  | "saving"
  | "offline"
  | "timeout"
  | "busy"
  | "full"
  | "failing"
  | "signed-out"
  | "other-account"
  | "gone"
  | "refused"
  | "conflict";

/** A mask of which the server refused something: it waits for the person. */
export interface RefusedMask {
  readonly imageId: number;
  readonly annotationId: string;
  /** The type of the operation that was refused. */
  readonly operation: string;
  readonly code: string;
  readonly message: string;
  /** What stands in the way is a rule that reviewers and admins may set aside. */
  readonly isOverridable: boolean;
}

/** What of this person's work, on all images, the server does not have yet. */
export interface SaveInfo {
  readonly state: SaveState;
  /** Masks on their way; `elsewhere`: those of other images than the open one. */
  readonly pending: number;
  readonly elsewhere: { readonly masks: number; readonly images: number };
  readonly refused: readonly RefusedMask[];
  /** False: this browser keeps nothing, and work is safe only once the server has it. */
  readonly isKept: boolean;
}
export type EngineState = "loading" | "waiting" | "ready" | "failed" | "unprepared";

export interface EngineStatus {
  readonly state: EngineState;
  readonly name: string;
  /** The model that is open, and whether its accelerator answers or its plain graphs: each has figures of its own. */
  readonly modelVersion: string;
  readonly isAccelerated: boolean;
  readonly isFine: boolean;
  /** From a click to its painted mask, and the model's own share of it; null before the first click. */
  readonly clickToPaint: LatencyFigures | null;
  readonly decode: LatencyFigures | null;
  /** What was measured when the model was opened. */
  readonly trials: readonly EngineTrialInfo[];
  /** The engine that the person asked for; null leaves the choice to the measurements. */
  readonly override: string | null;
}

export interface LatencyFigures {
  readonly p50Ms: number;
  readonly p95Ms: number;
}

export interface EngineTrialInfo {
  readonly engine: string;
  readonly isAccelerated: boolean;
  readonly isCorrect: boolean;
  readonly medianMs: number;
  readonly threads: number;
}

/** A message for the person: what happened, what was kept, what to do. `key` is a message key. */
export interface Notice {
  readonly id: number;
  readonly tone: "info" | "warning" | "error";
  readonly key: string;
  readonly params: Readonly<Record<string, string | number>>;
  readonly action: { readonly key: string; run(): void } | null;
}

export interface Conflict {
  readonly annotationId: string;
  readonly mine: MaskRecord | null;
  readonly theirs: MaskRecord | null;
  readonly theirName: string;
}

/** What a comment is about: a mask, a place, a place on a mask; neither is the whole image. */
export interface CommentTarget {
  readonly annotationId: string | null;
  readonly place: ImagePoint | null;
}

export interface CommentInfo extends CommentTarget {
  readonly id: number;
  readonly body: string;
  readonly authorName: string;
  readonly createdAt: string;
  readonly isResolved: boolean;
}

export interface MaskVersion {
  readonly revision: number;
  readonly action: string;
  readonly authorName: string;
  readonly createdAt: string;
  readonly record: MaskRecord | null;
}

/** A mask that was deleted from the open image, as it was then. */
export interface DeletedMask {
  readonly record: MaskRecord;
  readonly byName: string;
  readonly deletedAt: string;
}

export type Dialog = "shortcuts" | "guidelines" | "skip" | "comment" | "versions" | "trash" | "engine" | null;
export type Pace = { readonly masks: number; readonly secondsPerMask: number };

/** Of pages and workspace alike; "system" follows the device. */
export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

export interface Workspace {
  readonly projectName: string;
  readonly stage: Readable<string>;
  readonly guidelines: string;
  readonly userName: string;
  readonly labels: readonly LabelInfo[];
  readonly canEdit: boolean;
  /** The person may save although a rule stands in the way, by saying so: a reviewer or admin. */
  readonly mayOverride: boolean;

  readonly image: Readable<ImageInfo | null>;
  readonly view: Readable<Viewport>;
  readonly tool: Readable<ToolId>;
  readonly settings: Readable<ViewSettings>;
  readonly brush: Readable<BrushSettings>;
  readonly masks: Readable<readonly MaskRecord[]>;
  readonly draft: Readable<Draft | null>;
  readonly isDecoding: Readable<boolean>;
  /** The mask is being sharpened, because somebody asked for it. */
  readonly isSharpening: Readable<boolean>;
  readonly selection: Readable<ReadonlySet<string>>;
  readonly currentLabel: Readable<number | null>;
  /** The mask that Enter made, until something else is begun. */
  readonly justMade: Readable<string | null>;
  readonly pointer: Readable<PointerKind>;
  /** The draft's point under the pointer; -1 for none. */
  readonly pointedPrompt: Readable<number>;
  readonly save: Readable<SaveInfo>;
  readonly engine: Readable<EngineStatus>;
  readonly notices: Readable<readonly Notice[]>;
  readonly announcement: Readable<string>;
  readonly conflicts: Readable<readonly Conflict[]>;
  readonly comments: Readable<readonly CommentInfo[]>;
  readonly review: Readable<ReviewInfo | null>;
  readonly remaining: Readable<Remaining | null>;
  readonly commentTarget: Readable<CommentTarget>;
  readonly shownComment: Readable<number | null>;
  /** Masks that can be had back; null while they are read. */
  readonly deleted: Readable<readonly DeletedMask[] | null>;
  /** Names of the others who have the image open. */
  readonly people: Readable<readonly string[]>;
  readonly versions: Readable<readonly MaskVersion[] | null>;
  readonly pace: Readable<Pace>;
  readonly isSlow: Readable<boolean>;
  readonly undoState: Readable<{ readonly undo: string | null; readonly redo: string | null }>;
  readonly bindings: Readable<Bindings>;
  readonly locale: Store<string>;
  readonly dialog: Store<Dialog>;
  readonly suggestions: Store<SuggestionFilter>;
  readonly isPanelOpen: Store<boolean>;
  readonly panelWidth: Store<number>;
  readonly isLabelSearchOpen: Store<boolean>;
  readonly isLeftHanded: Readable<boolean>;
  readonly theme: Readable<Theme>;

  perform(action: ActionId): void;
  chooseTool(tool: ToolId): void;
  changeSettings(change: Partial<ViewSettings>): void;
  changeBrush(change: Partial<BrushSettings>): void;
  select(id: string, mode: "only" | "toggle" | "range"): void;
  highlight(id: string | null): void;
  chooseCandidate(index: number): void;
  applyLabel(labelId: number | null): void;
  /** Bring the mask that the tool in hand changes into view. */
  showMask(id: string): void;
  setAttribute(ids: readonly string[], name: string, value: AttributeValue): void;
  setLocked(id: string, isLocked: boolean): void;
  deleteMask(id: string): void;
  decideSuggestions(ids: readonly string[], isAccepted: boolean): void;
  /** What to do with a refused mask: send it again, hand its operations out as a file, or give it up. */
  settleRefused(annotationId: string, choice: "retry" | "override" | "keep" | "drop"): void;
  /** Go to another page once what is pending is saved, or nothing more can be done. */
  leave(address: string): void;
  resolveConflict(annotationId: string, choice: "mine" | "theirs" | "both"): void;
  addComment(body: string): void;
  /** Bring what a comment is about into view, and the comment too. */
  showComment(id: number): void;
  resolveComment(id: number, isResolved: boolean): void;
  /** Bring a deleted mask back. */
  restoreDeleted(id: string): void;
  restoreVersion(version: MaskVersion): void;
  decideReview(verdict: Verdict, comment: string): void;
  skip(reason: string): void;
  openImage(id: number): void;
  /** Decode with this engine from now on; null: choose by measuring. */
  useEngine(engine: string | null): void;
  bind(action: ActionId, chords: readonly string[] | null): void;
  /** Give every action the keys it came with. */
  resetBindings(): void;
  /** Actions with keys of the person's own. */
  readonly rebound: Readable<ReadonlySet<string>>;
  useLeftHanded(isLeft: boolean): void;
  /** The name of the keys that an event stands for. */
  chordOf(event: KeyboardEvent): string;
  changeLocale(locale: string): void;
  changeTheme(theme: Theme): void;
  dismiss(noticeId: number): void;
  colorOf(record: Pick<MaskRecord, "id" | "labelId">): Rgb;
  thumbnail(canvas: HTMLCanvasElement, record: MaskRecord): void;
}

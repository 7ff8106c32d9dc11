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
import type { BrushSettings, ToolId, ViewSettings } from "./view-settings";
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

export type SaveState = "saved" | "saving" | "offline" | "signed-out" | "trouble" | "conflict";
export type EngineState = "loading" | "waiting" | "ready" | "failed" | "unprepared";

export interface EngineStatus {
  readonly state: EngineState;
  readonly name: string;
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

export interface SuggestionFilter {
  readonly minIou: number;
  readonly minStability: number;
}

export type Dialog = "shortcuts" | "guidelines" | "skip" | "comment" | "versions" | "engine" | null;
export type Pace = { readonly masks: number; readonly secondsPerMask: number };

export interface Workspace {
  readonly projectName: string;
  readonly stage: Readable<string>;
  readonly guidelines: string;
  readonly userName: string;
  readonly labels: readonly LabelInfo[];
  readonly canEdit: boolean;

  readonly image: Readable<ImageInfo | null>;
  readonly view: Readable<Viewport>;
  readonly tool: Readable<ToolId>;
  readonly settings: Readable<ViewSettings>;
  readonly brush: Readable<BrushSettings>;
  readonly masks: Readable<readonly MaskRecord[]>;
  readonly draft: Readable<Draft | null>;
  readonly isDecoding: Readable<boolean>;
  /** A closer look is under way: the mask may become better yet. */
  readonly isLooking: Readable<boolean>;
  readonly selection: Readable<ReadonlySet<string>>;
  readonly currentLabel: Readable<number | null>;
  readonly save: Readable<{ readonly state: SaveState; readonly pending: number }>;
  readonly engine: Readable<EngineStatus>;
  readonly notices: Readable<readonly Notice[]>;
  readonly announcement: Readable<string>;
  readonly conflicts: Readable<readonly Conflict[]>;
  readonly comments: Readable<readonly CommentInfo[]>;
  readonly review: Readable<ReviewInfo | null>;
  readonly remaining: Readable<Remaining | null>;
  readonly commentTarget: Readable<CommentTarget>;
  readonly shownComment: Readable<number | null>;
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

  perform(action: ActionId): void;
  chooseTool(tool: ToolId): void;
  changeSettings(change: Partial<ViewSettings>): void;
  changeBrush(change: Partial<BrushSettings>): void;
  select(id: string, mode: "only" | "toggle" | "range"): void;
  highlight(id: string | null): void;
  chooseCandidate(index: number): void;
  applyLabel(labelId: number | null): void;
  setAttribute(ids: readonly string[], name: string, value: AttributeValue): void;
  setLocked(id: string, isLocked: boolean): void;
  deleteMask(id: string): void;
  decideSuggestions(ids: readonly string[], isAccepted: boolean): void;
  resolveConflict(annotationId: string, choice: "mine" | "theirs" | "both"): void;
  addComment(body: string): void;
  /** Bring what a comment is about into view, and the comment too. */
  showComment(id: number): void;
  resolveComment(id: number, isResolved: boolean): void;
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
  dismiss(noticeId: number): void;
  colorOf(record: MaskRecord): Rgb;
  thumbnail(canvas: HTMLCanvasElement, record: MaskRecord): void;
}

/** The values that panels watch, gathered in one place. */
import { fitViewport, type Viewport } from "../../geometry/viewport";
import type { Bindings } from "../../model/actions";
import type { Draft } from "../../model/draft";
import type { MaskRecord } from "../../model/mask-record";
import { Store } from "../../model/store";
import type { SuggestionFilter } from "../../model/suggestion-filter";
import {
  DEFAULT_BRUSH,
  DEFAULT_PANEL_WIDTH,
  DEFAULT_VIEW,
  type BrushSettings,
  type PointerKind,
  type ToolId,
  type ViewSettings,
} from "../../model/view-settings";
import type { Remaining, ReviewInfo } from "../../model/work";
import type {
  CommentInfo,
  CommentTarget,
  Conflict,
  DeletedMask,
  Dialog,
  EngineStatus,
  ImageInfo,
  MaskVersion,
  Notice,
  Pace,
  SaveInfo,
} from "../../model/workspace";

const NOTHING = fitViewport({ width: 1, height: 1 }, { width: 1, height: 1 });

const NO_ENGINE: EngineStatus = {
  state: "loading",
  name: "",
  modelVersion: "",
  isAccelerated: false,
  isFine: false,
  clickToPaint: null,
  decode: null,
  trials: [],
  override: null,
};

const ALL_SAVED: SaveInfo = {
  state: "saved",
  pending: 0,
  elsewhere: { masks: 0, images: 0 },
  refused: [],
  isKept: true,
};

export function makeStores(
  bindings: Bindings,
  locale: string,
  firstLabel: number | null,
  pointer: PointerKind = "mouse",
) {
  return {
    image: new Store<ImageInfo | null>(null),
    /** The stage in which the open image is annotated; admins may switch it between two images. */
    stage: new Store(""),
    view: new Store<Viewport>(NOTHING),
    tool: new Store<ToolId>("points"),
    settings: new Store<ViewSettings>(DEFAULT_VIEW),
    brush: new Store<BrushSettings>(DEFAULT_BRUSH),
    masks: new Store<readonly MaskRecord[]>([]),
    draft: new Store<Draft | null>(null),
    isDecoding: new Store(false),
    isSharpening: new Store(false),
    selection: new Store<ReadonlySet<string>>(new Set()),
    highlighted: new Store<string | null>(null),
    currentLabel: new Store<number | null>(firstLabel),
    /** The mask that Enter made, until something else is begun. */
    justMade: new Store<string | null>(null),
    /** What points at the photo: the words for it differ. */
    pointer: new Store<PointerKind>(pointer),
    /** The draft's point under the pointer; -1 for none. */
    pointedPrompt: new Store(-1),
    save: new Store<SaveInfo>(ALL_SAVED),
    engine: new Store<EngineStatus>(NO_ENGINE),
    notices: new Store<readonly Notice[]>([]),
    announcement: new Store(""),
    conflicts: new Store<readonly Conflict[]>([]),
    review: new Store<ReviewInfo | null>(null),
    remaining: new Store<Remaining | null>(null),
    comments: new Store<readonly CommentInfo[]>([]),
    commentTarget: new Store<CommentTarget>({ annotationId: null, place: null }),
    shownComment: new Store<number | null>(null),
    deleted: new Store<readonly DeletedMask[] | null>(null),
    people: new Store<readonly string[]>([]),
    versions: new Store<readonly MaskVersion[] | null>(null),
    pace: new Store<Pace>({ masks: 0, secondsPerMask: 0 }),
    isSlow: new Store(false),
    undoState: new Store<{ readonly undo: string | null; readonly redo: string | null }>({ undo: null, redo: null }),
    bindings: new Store<Bindings>(bindings),
    locale: new Store(locale),
    dialog: new Store<Dialog>(null),
    suggestions: new Store<SuggestionFilter>({ minIou: 0, minStability: 0 }),
    isPanelOpen: new Store(true),
    panelWidth: new Store(DEFAULT_PANEL_WIDTH),
    isLabelSearchOpen: new Store(false),
  };
}

export type Stores = ReturnType<typeof makeStores>;

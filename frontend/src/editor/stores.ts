/** The values that panels watch, gathered in one place. */
import { fitViewport, type Viewport } from "../geometry/viewport";
import type { Bindings } from "../model/actions";
import type { Draft } from "../model/draft";
import type { MaskRecord } from "../model/mask-record";
import { Store } from "../model/store";
import {
  DEFAULT_BRUSH,
  DEFAULT_PANEL_WIDTH,
  DEFAULT_VIEW,
  type BrushSettings,
  type ToolId,
  type ViewSettings,
} from "../model/view-settings";
import type {
  CommentInfo,
  CommentTarget,
  Conflict,
  Dialog,
  EngineStatus,
  ImageInfo,
  MaskVersion,
  Notice,
  Pace,
  SaveState,
  SuggestionFilter,
} from "../model/workspace";
import type { Remaining, ReviewInfo } from "../model/work";

const NOTHING = fitViewport({ width: 1, height: 1 }, { width: 1, height: 1 });

const NO_ENGINE: EngineStatus = {
  state: "loading",
  name: "",
  isFine: false,
  clickToPaint: null,
  decode: null,
  trials: [],
  override: null,
};

export function makeStores(bindings: Bindings, locale: string, firstLabel: number | null) {
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
    isLooking: new Store(false),
    selection: new Store<ReadonlySet<string>>(new Set()),
    highlighted: new Store<string | null>(null),
    currentLabel: new Store<number | null>(firstLabel),
    save: new Store<{ readonly state: SaveState; readonly pending: number }>({ state: "saved", pending: 0 }),
    engine: new Store<EngineStatus>(NO_ENGINE),
    notices: new Store<readonly Notice[]>([]),
    announcement: new Store(""),
    conflicts: new Store<readonly Conflict[]>([]),
    review: new Store<ReviewInfo | null>(null),
    remaining: new Store<Remaining | null>(null),
    comments: new Store<readonly CommentInfo[]>([]),
    commentTarget: new Store<CommentTarget>({ annotationId: null, place: null }),
    shownComment: new Store<number | null>(null),
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

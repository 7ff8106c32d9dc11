/**
 * One image while it is open: its document, history, prompts, edits and their way to the server. Opening another image
 * makes another session; nothing of the old one can leak into it.
 */
import { ImageOutbox } from "../../api/image-outbox";
import type { JournalEntry } from "../../api/journal";
import type { Outbox } from "../../api/outbox";
import type { ImageDetail } from "../../api/wire";
import type { AnnotationList, WorkspaceApi } from "../../api/workspace-api";
import type { Proposal } from "../../geometry/places";
import type { BoxXyxy, ImagePoint, Prompt, Size } from "../../geometry/types";
import { MaskDocument } from "../../model/document";
import { strokeTarget } from "../../model/edit-target";
import { modelVersionOf, type EmbeddingRef } from "../../model/embedding-views";
import { History } from "../../model/history";
import { afterPaint } from "../../render/frame-loop";
import { detailStep, samplingStep } from "../../render/mask-paths";
import { MaskCommands } from "../editing/mask-commands";
import { Painting } from "../editing/painting";
import { situationOf } from "../editing/situation";
import { CropEmbeddings, SHARPEN_PATIENCE_MS, type Crop } from "../prompting/crop-embeddings";
import type { Decoder } from "../prompting/decoder-port";
import { Prompting } from "../prompting/prompting";
import { proposeAt } from "../prompting/proposing";
import type { BaseFields } from "../saving/merging";
import { Saving, type SavingEvents } from "../saving/saving";
import type { Stores } from "../state/stores";

export interface SessionPorts extends SavingEvents {
  readonly api: WorkspaceApi;
  readonly outbox: Outbox;
  readonly decoder: Decoder;
  readonly stores: Stores;
  onDecoded(kind: "hover" | "click", ms: number): void;
  onShown(askedAt: number): void;
  onDecodeFailed(error: unknown): void;
  onNothingSharper(reason: "detail" | "late"): void;
  onPreview(): void;
  /** Say whether a reviewer or admin changes what the rules keep from others (see SubmittedGuard). */
  overrides(): boolean;
  /** Give the person's time at work since the last call. */
  takeMs(): number;
  /** The document changed: draw and tell the panels. */
  onChanged(): void;
}

export class ImageSession {
  readonly document = new MaskDocument();
  readonly history = new History();
  readonly size: Size;
  readonly prompting: Prompting;
  readonly painting: Painting;
  readonly commands: MaskCommands;
  readonly saving: Saving;
  readonly outbox: ImageOutbox;
  readonly crops: CropEmbeddings;
  private embedding: EmbeddingRef | null = null;
  /** Crops that somebody asked for: they take part also where they have to be loaded first. */
  private readonly sharpened = new Set<string>();
  /** The server's name for the state of the masks that was read last. */
  private tag = "";

  constructor(
    public detail: ImageDetail,
    private readonly ports: SessionPorts,
  ) {
    const { document, history } = this;
    this.size = { width: detail.width, height: detail.height };
    const labelInHand = (): number | null => ports.stores.currentLabel.get();
    this.commands = new MaskCommands(document, history, this.size, () => ports.takeMs(), labelInHand);
    this.prompting = this.makePrompting();
    this.painting = this.makePainting();
    this.saving = new Saving(
      document,
      () => this.outbox,
      ports,
      (id, revision) => readRevision(ports.api, id, revision),
    );
    this.outbox = this.makeOutbox();
    this.crops = new CropEmbeddings(
      detail.id,
      this.size,
      (box, isFlipped) => ports.api.cropEmbedding(detail.id, box, isFlipped, this.modelVersion ?? ""),
      (source) => ports.decoder.prefetch(source),
    );
    this.noteDetail(detail);
    history.onSettled = () => {
      if (!history.isOpen) this.saving.flush();
      ports.onChanged();
    };
    document.subscribe(() => ports.onChanged());
  }

  /** Show the server's masks, then what this browser had not yet brought there. */
  load(list: AnnotationList): number {
    this.take(list);
    const left = this.outbox.replay();
    this.showForeign(left);
    return left.length;
  }

  /** Read the masks again if somebody has changed them. */
  async reload(): Promise<void> {
    const list = await this.ports.api.annotations(this.detail.id, this.tag);
    if (list) this.take(list);
  }

  /** Show operations that this tab has not made. */
  private showForeign(entries: readonly JournalEntry[]): void {
    this.saving.showReplayed(entries, [this.size.height, this.size.width]);
  }

  private take({ rows, tag }: AnnotationList): void {
    this.tag = tag;
    this.saving.load(rows);
  }

  noteDetail(detail: ImageDetail): void {
    this.detail = detail;
    const { status, url, key } = detail.embedding;
    if (status !== "ready" || url === null || key === null || this.embedding?.key === key) return;
    this.embedding = { url, key, cropBox: null, isFlipped: false, imageId: detail.id };
    this.ports.decoder.use(this.embedding);
    this.prepareFlip();
  }

  /** The embedding is there, or the model is known: whichever comes last has the photo encoded flipped as well. */
  prepareFlip(): void {
    if (this.embedding && this.ports.decoder.uses.flip) this.crops.prepare({ box: null, isFlipped: true });
  }

  /** The pointer is here: the tile under it should be ready when a click comes. */
  notePointer(point: ImagePoint): void {
    if (this.embedding && this.ports.decoder.uses.crops) this.crops.notePointer(point, tilesOf(this.detail));
  }

  /** The version of the model that answers here. */
  get modelVersion(): string | null {
    return this.embedding && modelVersionOf(this.embedding);
  }

  /** What the model takes for an object at a place. */
  propose(point: ImagePoint, signal: AbortSignal): Promise<Proposal | null> {
    return proposeAt(this.ports.decoder, this.embedding, this.size, point, signal);
  }

  get hasEmbedding(): boolean {
    return this.embedding !== null;
  }

  undo(): string | null {
    return this.travel("undo");
  }

  redo(): string | null {
    return this.travel("redo");
  }

  close(): void {
    this.prompting.stop();
    this.crops.close();
    this.outbox.close();
  }

  private travel(direction: "undo" | "redo"): string | null {
    this.prompting.stop();
    this.history.commit();
    const name = direction === "undo" ? this.history.undoName : this.history.redoName;
    this.document.apply(this.history[direction](), "local");
    this.saving.flush();
    this.prompting.refresh();
    this.ports.onChanged();
    return name;
  }

  private makePrompting(): Prompting {
    const { ports, document, history } = this;
    const port = {
      document,
      history,
      decoder: ports.decoder,
      viewsFor: (prompts: readonly Prompt[]) => this.viewsFor(prompts),
      fetchCrop: (crop: Crop, signal: AbortSignal) => this.fetchCrop(crop, signal),
      onNothingSharper: (reason: "detail" | "late") => ports.onNothingSharper(reason),
      onDecoded: (kind: "hover" | "click", ms: number) => ports.onDecoded(kind, ms),
      onShown: (askedAt: number) => ports.onShown(askedAt),
      onFailed: (error: unknown) => ports.onDecodeFailed(error),
      onPreview: () => ports.onPreview(),
      detailStep: () => detailStep(ports.stores.view.get().scale),
      samplingStep: () => samplingStep(ports.stores.view.get().scale),
      afterPaint,
    };
    return new Prompting(port, this.size);
  }

  /** What can answer at once: the whole photo, and of its flip, tiles and crops what is ready or was asked for by hand. */
  private viewsFor(prompts: readonly Prompt[]): readonly EmbeddingRef[] {
    if (!this.embedding) return [];
    const more = this.crops
      .viewsFor(prompts)
      .filter((view) => this.isOfThisModel(view) && (this.sharpened.has(view.key) || this.ports.decoder.isReady(view)));
    return [this.embedding, ...more];
  }

  private async fetchCrop(crop: Crop, signal: AbortSignal): Promise<EmbeddingRef | null> {
    const view = await this.crops.fetch(crop, SHARPEN_PATIENCE_MS, signal);
    if (!view || !this.isOfThisModel(view)) return null;
    this.sharpened.add(view.key);
    return view;
  }

  /** One image is answered by one model, from its opening to its end, whatever the project has chosen meanwhile. */
  private isOfThisModel(crop: EmbeddingRef): boolean {
    return modelVersionOf(crop) === this.modelVersion;
  }

  private makePainting(): Painting {
    const { document, history, size } = this;
    const { stores } = this.ports;
    return new Painting({
      document,
      history,
      imageSize: size,
      takeMs: () => this.ports.takeMs(),
      get brushShape() {
        return stores.brush.get().shape;
      },
      labelInHand: () => stores.currentLabel.get(),
      target: (stroke) => strokeTarget(situationOf(document, stores), stroke),
    });
  }

  private makeOutbox(): ImageOutbox {
    return new ImageOutbox(this.detail.id, this.ports.outbox, {
      onApplied: (result) => this.saving.onApplied(result),
      onConflict: (lost, result) => this.saving.onConflict(lost, result),
      onForeign: (entries) => this.showForeign(entries),
      onChangedElsewhere: () => void this.reload().catch(() => undefined), // the next hint reads it again
      onDropped: (id) => this.saving.onDropped(id),
      overrides: () => this.ports.overrides(),
    });
  }
}

function tilesOf({ embedding }: ImageDetail): BoxXyxy[] {
  return embedding.tiles.map(([x0, y0, x1, y1]) => ({ x0, y0, x1, y1 }));
}

/** What a mask was at a revision, as far as revisions remember it. */
async function readRevision(api: WorkspaceApi, id: string, revision: number): Promise<BaseFields | null> {
  const found = (await api.revisions(id)).find((one) => one.revision === revision);
  return found ? (found.snapshot as unknown as BaseFields) : null;
}

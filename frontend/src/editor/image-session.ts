/**
 * One image while it is open: its document, history, prompts, edits and their way to the server. Opening another image
 * makes another session; nothing of the old one can leak into it.
 */
import type { Journal } from "../api/journal";
import { Outbox } from "../api/outbox";
import type { ImageDetail } from "../api/wire";
import type { AnnotationList, WorkspaceApi } from "../api/workspace-api";
import type { Prompt, Size } from "../geometry/types";
import { MaskDocument } from "../model/document";
import { History } from "../model/history";
import { afterPaint } from "../render/frame-loop";
import { detailStep, glimpseStep } from "../render/mask-paths";
import { CropEmbeddings, holdsAll } from "./crop-embeddings";
import { modelVersionOf, type Decoder, type EmbeddingSource, type Look } from "./decoder-port";
import { MaskCommands } from "./mask-commands";
import type { BaseFields } from "./merging";
import { Painting } from "./painting";
import { Prompting } from "./prompting";
import { Saving, type SavingEvents } from "./saving";
import type { Stores } from "./stores";

export interface SessionPorts extends SavingEvents {
  readonly api: WorkspaceApi;
  readonly journal: Journal;
  readonly decoder: Decoder;
  readonly stores: Stores;
  onDecoded(kind: "hover" | "click", ms: number): void;
  onShown(askedAt: number): void;
  onDecodeFailed(error: unknown): void;
  onPreview(): void;
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
  readonly outbox: Outbox;
  readonly crops: CropEmbeddings;
  private embedding: EmbeddingSource | null = null;
  /** The server's name for the state of the masks that was read last. */
  private tag = "";

  constructor(
    public detail: ImageDetail,
    private readonly ports: SessionPorts,
  ) {
    const { document, history } = this;
    this.size = { width: detail.width, height: detail.height };
    this.commands = new MaskCommands(document, history, this.size, () => ports.takeMs());
    this.prompting = this.makePrompting();
    this.painting = this.makePainting();
    this.saving = new Saving(
      document,
      () => this.outbox,
      ports,
      (id, revision) => readRevision(ports.api, id, revision),
    );
    this.outbox = this.makeOutbox();
    this.crops = new CropEmbeddings(detail.id, this.size, ports.api, (source) => ports.decoder.prefetch(source));
    this.noteDetail(detail);
    history.onSettled = () => {
      if (!history.isOpen) this.saving.flush();
      ports.onChanged();
    };
    document.subscribe(() => ports.onChanged());
  }

  /** Show the server's masks, then what this browser had not yet brought there. */
  async load(list: AnnotationList): Promise<number> {
    this.take(list);
    const left = await this.outbox.replay();
    this.saving.showReplayed(left, [this.size.height, this.size.width]);
    return left.length;
  }

  /** Read the masks again if somebody has changed them. */
  async reload(): Promise<void> {
    const list = await this.ports.api.annotations(this.detail.id, this.tag);
    if (list) this.take(list);
  }

  private take({ rows, tag }: AnnotationList): void {
    this.tag = tag;
    this.saving.load(rows);
  }

  noteDetail(detail: ImageDetail): void {
    this.detail = detail;
    const { status, url, key } = detail.embedding;
    if (status !== "ready" || url === null || key === null || this.embedding?.key === key) return;
    this.embedding = { url, key, cropBox: null, isMirrored: false, imageId: detail.id };
    this.ports.decoder.use(this.embedding);
    this.lookAtPhoto();
    this.prepareLooks();
  }

  /** The photo can be seen, or its embedding is there: whichever comes last lets the first click find all prepared. */
  lookAtPhoto(): void {
    if (this.embedding) this.ports.decoder.look(this.embedding, this.size);
  }

  /** The embedding is there, or the model is known: whichever comes last has the photo seen in a mirror as well. */
  prepareLooks(): void {
    const { decoder } = this.ports;
    if (!this.embedding || !decoder.looksCloser()) return;
    const looking = this.ofThisModel(this.crops.lookAt({ part: null, isMirrored: true })).then(
      (mirror) => mirror && decoder.prefetch(mirror),
    );
    looking.catch(() => undefined); // an extra: a closer look asks again
  }

  /** The version of the model that answers here. */
  get modelVersion(): string | null {
    return this.embedding && modelVersionOf(this.embedding);
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
      embeddingFor: (prompts: readonly Prompt[]) => this.embeddingFor(prompts),
      embeddingToLookAt: (look: Look, signal: AbortSignal) => this.ofThisModel(this.crops.lookAt(look, signal)),
      onDecoded: (kind: "hover" | "click", ms: number) => ports.onDecoded(kind, ms),
      onShown: (askedAt: number) => ports.onShown(askedAt),
      onFailed: (error: unknown) => ports.onDecodeFailed(error),
      onPreview: () => ports.onPreview(),
      detailStep: () => detailStep(ports.stores.view.get().scale),
      glimpseStep: () => glimpseStep(ports.stores.view.get().scale),
      afterPaint,
    };
    return new Prompting(port, this.size);
  }

  /**
   * A draft stays with the views that gave its mask: the nearest one that holds all prompts answers at once. A lone
   * prompt is answered anew, in the view that the draft began with.
   */
  private embeddingFor(prompts: readonly Prompt[]): EmbeddingSource | null {
    const views = this.document.draft?.seen.map(({ embedding }) => embedding) ?? [];
    const asked = prompts.length > 1 ? views : views.slice(0, 1);
    const view = asked.findLast(({ cropBox }) => holdsAll(cropBox, prompts)) ?? this.crops.sourceFor(prompts);
    return view && this.isOfThisModel(view) ? view : this.embedding;
  }

  private async ofThisModel(asked: Promise<EmbeddingSource | null>): Promise<EmbeddingSource | null> {
    const crop = await asked;
    return crop && this.isOfThisModel(crop) ? crop : null;
  }

  /** A crop may come from the project's new model already; one image is answered by one model. */
  private isOfThisModel(crop: EmbeddingSource): boolean {
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
      target: () => {
        const [id, ...more] = stores.selection.get();
        const record = more.length === 0 ? document.get(id) : undefined;
        return record && !record.isLocked ? record : null;
      },
    });
  }

  private makeOutbox(): Outbox {
    const { ports } = this;
    return new Outbox(this.detail.id, ports.api.http, ports.journal, {
      onStatus: (state, pending) => ports.stores.save.set({ state, pending }),
      onApplied: (result) => this.saving.onApplied(result),
      onConflict: (lost, result) => this.saving.onConflict(lost, result),
      onRejected: (entry, result) => this.saving.onRejected(entry, result),
    });
  }
}

/** What a mask was at a revision, as far as revisions remember it. */
async function readRevision(api: WorkspaceApi, id: string, revision: number): Promise<BaseFields | null> {
  const found = (await api.revisions(id)).find((one) => one.revision === revision);
  return found ? (found.snapshot as unknown as BaseFields) : null;
}

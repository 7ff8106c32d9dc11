/** Fetches what an image needs, and the neighbours' ahead of time, so that the next image is there at once. */
import type { ImageDetail } from "../../api/wire";
import type { AnnotationList, WorkspaceApi } from "../../api/workspace-api";
import type { Decoder } from "../prompting/decoder-port";

export interface LoadedImage {
  readonly detail: ImageDetail;
  readonly masks: AnnotationList;
  readonly preview: HTMLImageElement;
}

const MAX_KEPT = 4;

export class ImageLoader {
  private readonly kept = new Map<number, Promise<LoadedImage>>();

  constructor(
    private readonly api: WorkspaceApi,
    private readonly decoder: Decoder,
  ) {}

  /** Load an image, or take it from what was loaded ahead; its masks are always read anew by the caller. */
  take(imageId: number): { readonly loaded: Promise<LoadedImage>; readonly wasAhead: boolean } {
    const ahead = this.kept.get(imageId);
    this.kept.delete(imageId);
    return { loaded: ahead ?? this.load(imageId), wasAhead: ahead !== undefined };
  }

  /** Load an image and its embedding ahead. A failure is told when the image is opened, by then perhaps it is gone. */
  prefetch(imageId: number | null): void {
    if (imageId === null || this.kept.has(imageId)) return;
    const loading = this.load(imageId);
    this.kept.set(imageId, loading);
    if (this.kept.size > MAX_KEPT) this.kept.delete([...this.kept.keys()][0]);
    loading.then(
      ({ detail }) => this.prefetchEmbedding(detail),
      () => this.kept.delete(imageId),
    );
  }

  private prefetchEmbedding(detail: ImageDetail): void {
    const { status, url, key } = detail.embedding;
    if (status === "ready" && url !== null && key !== null) {
      this.decoder.prefetch({ url, key, cropBox: null, isFlipped: false, imageId: detail.id });
    }
  }

  private async load(imageId: number): Promise<LoadedImage> {
    const masks = this.api.annotations(imageId);
    // Both requests run at once; should the first fail, the second's failure is told by the first's.
    masks.catch(() => undefined);
    const detail = await this.api.image(imageId);
    const preview = new Image();
    preview.src = detail.preview.url;
    return { detail, masks: (await masks) ?? { rows: [], tag: "" }, preview };
  }
}

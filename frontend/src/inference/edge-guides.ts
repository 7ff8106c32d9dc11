/** The edges of photos, for models that snap to them: learned once from the colours on the screen, kept while they are asked for. */
import { geometryFor } from "../geometry/upsample";
import { ByteLru } from "./byte-lru";
import { EdgeGuide } from "./edges";
import type { Manifest } from "./manifest";
import { encodedSize } from "./prompt-tokens";
import type { EmbeddingRef, PhotoView } from "./types";

/** A guide takes up to 18 MB: that of the photo, of a part of it or two, and of the photo before. */
const BUDGET_BYTES = 80 * 2 ** 20;

export class EdgeGuides {
  private readonly known = new ByteLru<EdgeGuide>(BUDGET_BYTES);

  /** What is known of the edges of the photo, or of the part of it that was encoded; null where it cannot be seen. */
  of({ embedding, originalSize, photo }: PhotoView, manifest: Manifest): EdgeGuide | null {
    if (!manifest.snapsToEdges) return null;
    const name = nameOf(embedding, manifest);
    const known = this.known.get(name);
    if (known) return known;
    const geometry = geometryFor(encodedSize(originalSize, embedding.cropBox), manifest.imageSize);
    const cells = photo?.(embedding.cropBox, geometry, manifest.imageSize / manifest.maskSide);
    if (!cells) return null;
    const guide = new EdgeGuide(cells);
    this.known.set(name, guide, guide.bytes);
    return guide;
  }
}

/** Of a photo without edges. */
export function guideOfNothing({ snapsToEdges, maskSide: side }: Manifest): EdgeGuide | null {
  return snapsToEdges ? new EdgeGuide({ rows: side, columns: side, rgba: new Uint8Array(4 * side * side) }) : null;
}

/** A photo, or a part of it, has the same edges in the mirror. */
function nameOf({ imageId, cropBox }: EmbeddingRef, { modelVersion }: Manifest): string {
  return [modelVersion, imageId, ...(cropBox ? [cropBox.x0, cropBox.y0, cropBox.x1, cropBox.y1] : [])].join("-");
}

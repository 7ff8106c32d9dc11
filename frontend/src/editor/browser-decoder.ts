/** Fulfils the editor's Decoder with the decoder client of inference/. */
import { placeMask, type ColumnMask } from "../geometry/column-mask";
import type { BoxXyxy, LowResLogits, Size } from "../geometry/types";
import { geometryFor, maskAtOriginalSize, sampledMask } from "../geometry/upsample";
import { nextLook } from "../inference/closer";
import type { DecoderClient, EngineInfo, PhotoSampler } from "../inference/decoder-client";
import { photoCells } from "../render/photo-cells";
import { modelVersionOf, type Decoder } from "./decoder-port";

export function browserDecoder(
  client: DecoderClient,
  getInfo: () => EngineInfo | null,
  useModel: (version: string) => void,
  photoOf: (imageId: number) => HTMLImageElement | null,
): Decoder {
  const side = (): number => getInfo()?.imageSize ?? 1024;
  const toMask = (logits: LowResLogits, imageSize: Size, cropBox: BoxXyxy | null): ColumnMask => {
    if (!cropBox) return maskAtOriginalSize(logits, geometryFor(imageSize, side()));
    const cropSize = { width: cropBox.x1 - cropBox.x0, height: cropBox.y1 - cropBox.y0 };
    const inside = maskAtOriginalSize(logits, geometryFor(cropSize, side()));
    return placeMask(inside, { x: cropBox.x0, y: cropBox.y0 }, imageSize);
  };
  const samplerOf = (imageId: number, imageSize: Size): PhotoSampler | null => {
    const picture = photoOf(imageId);
    return picture && ((part, geometry, cellPx) => photoCells(picture, imageSize, part, geometry, cellPx));
  };
  return {
    toMask,
    // Crops are small, and their corners lie between the steps.
    toSampledMask: (logits, imageSize, cropBox, step) =>
      cropBox || step === 1
        ? { mask: toMask(logits, imageSize, cropBox), step: 1 }
        : sampledMask(logits, geometryFor(imageSize, side()), step),
    decode: (question) => {
      const { embedding, imageSize } = question;
      const photo = samplerOf(embedding.imageId, imageSize);
      return client.decode({ ...question, originalSize: imageSize, photo });
    },
    thinkAgain: (answered, imageSize, signal) => {
      const nearest = answered.seen.at(-1)?.embedding;
      const photo = nearest ? samplerOf(nearest.imageId, imageSize) : null;
      return client.thinkAgain({ ...answered, originalSize: imageSize, photo, signal });
    },
    nextLook: (answered, imageSize) => (getInfo()?.looksCloser ? nextLook(answered, imageSize, side()) : null),
    looksCloser: () => getInfo()?.looksCloser ?? false,
    prefetch: (embedding) => client.prefetch(embedding),
    use: (embedding) => {
      useModel(modelVersionOf(embedding));
      client.prefetch(embedding);
    },
    look: (embedding, imageSize) => {
      const photo = samplerOf(embedding.imageId, imageSize);
      if (photo) client.look({ embedding, originalSize: imageSize, photo });
    },
  };
}

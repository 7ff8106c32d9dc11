/** Fulfils the editor's Decoder with the decoder client of inference/. */
import { placeMask } from "../geometry/column-mask";
import { geometryFor, maskAtOriginalSize } from "../geometry/upsample";
import type { DecoderClient, EngineInfo } from "../inference/decoder-client";
import { modelVersionOf, type Decoder } from "./decoder-port";

export function browserDecoder(
  client: DecoderClient,
  getInfo: () => EngineInfo | null,
  useModel: (version: string) => void,
): Decoder {
  return {
    decode: ({ kind, embedding, imageSize, prompts, maskInput, signal }) =>
      client.decode({ kind, embedding, originalSize: imageSize, prompts, maskInput, signal }),
    toMask: (logits, imageSize, cropBox) => {
      const side = getInfo()?.imageSize ?? 1024;
      if (!cropBox) return maskAtOriginalSize(logits, geometryFor(imageSize, side));
      const cropSize = { width: cropBox.x1 - cropBox.x0, height: cropBox.y1 - cropBox.y0 };
      const inside = maskAtOriginalSize(logits, geometryFor(cropSize, side));
      return placeMask(inside, { x: cropBox.x0, y: cropBox.y0 }, imageSize);
    },
    prefetch: (embedding) => client.prefetch(embedding),
    use: (embedding) => {
      useModel(modelVersionOf(embedding));
      client.prefetch(embedding);
    },
  };
}

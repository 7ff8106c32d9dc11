/** Fulfils the editor's Decoder with the decoder client of inference/. */
import { logitsFromMask } from "../../geometry/mask-prompt";
import { SAM_GEOMETRY } from "../../geometry/photo-geometry";
import type { DecoderClient, EngineInfo } from "../../inference/protocol/types";
import { modelVersionOf } from "../../model/embedding-views";
import type { Decoder } from "./decoder-port";

export function browserDecoder(
  client: DecoderClient,
  getInfo: () => EngineInfo | null,
  useModel: (version: string) => void,
): Decoder {
  return {
    decode: (request) => client.decode(request),
    toMask: (logits, originalSize, cropBox) => client.mask({ logits, originalSize, cropBox }),
    maskPrompt: (mask) => logitsFromMask(mask, getInfo()?.geometry ?? SAM_GEOMETRY),
    cropAround: ({ prompts, candidates, cropBox }, originalSize) => {
      const isUsed = getInfo()?.policy.usesCrops && prompts.length > 0 && candidates.length > 0;
      return isUsed ? client.cropAround({ originalSize, cropBox, prompts, candidates }) : Promise.resolve(null);
    },
    get uses() {
      const policy = getInfo()?.policy;
      return { flip: policy?.usesFlip ?? false, crops: policy?.usesCrops ?? false };
    },
    isReady: (embedding) => client.isReady(embedding),
    prefetch: (embedding) => client.prefetch(embedding),
    use: (embedding) => {
      useModel(modelVersionOf(embedding));
      client.prefetch(embedding);
    },
  };
}

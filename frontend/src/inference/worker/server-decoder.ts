/** Decoding on the server, the last resort where no engine runs in the browser. Same answer, one round trip away. */
import type { LowResLogits } from "../../geometry/types";
import { modelVersionOf, type EmbeddingRef } from "../../model/embedding-views";
import { TO_PIXEL_CENTRE } from "../masks/prompt-tokens";
import { DecodeError } from "../protocol/errors";
import type { DecodeRequest } from "../protocol/types";
import type { DecodeHead, DecodeIn } from "../../wire/openapi";

export interface ServerQuestion {
  readonly embedding: EmbeddingRef;
  readonly prompts: DecodeRequest["prompts"];
  readonly maskInput: LowResLogits | null;
}

export interface ServerAnswer {
  readonly logits: Float32Array;
  readonly predictedIou: readonly number[];
}

export interface ServerOptions {
  /** Root of the HTTP API, `/api/v1`. */
  readonly api: string;
  readonly csrf: string;
  readonly fetch: typeof fetch;
}

const CANDIDATES = 4;
const HEAD_LENGTH_BYTES = 4;

/** Ask the server; rejects with DecodeError `server_failed`, or `embedding_missing` while it has none. */
export async function decodeOnServer(request: ServerQuestion, options: ServerOptions): Promise<ServerAnswer> {
  let response: Response;
  try {
    response = await options.fetch(`${options.api}/images/${request.embedding.imageId}/decode`, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", "X-CSRFToken": options.csrf },
      body: JSON.stringify(bodyOf(request)),
    });
  } catch (cause) {
    throw new DecodeError("server_failed", "The server could not be reached.", { cause });
  }
  if (!response.ok) {
    const code = response.status === 409 ? "embedding_missing" : "server_failed";
    throw new DecodeError(code, `The server refused to decode (${response.status}).`);
  }
  return readAnswer(await response.arrayBuffer());
}

function bodyOf({ prompts, maskInput, embedding }: ServerQuestion): DecodeIn {
  const box = prompts.find((prompt) => prompt.kind === "box")?.box;
  const crop = embedding.cropBox;
  return {
    points: prompts.flatMap((prompt) =>
      prompt.kind === "point"
        ? [{ x: prompt.point.x + TO_PIXEL_CENTRE, y: prompt.point.y + TO_PIXEL_CENTRE, label: prompt.label }]
        : [],
    ),
    box_xyxy: box ? [box.x0, box.y0, box.x1, box.y1] : null,
    mask_input: maskInput ? toBase64(maskInput) : null,
    crop_box_xyxy: crop ? [crop.x0, crop.y0, crop.x1, crop.y1] : null,
    is_flipped: embedding.isFlipped,
    model_version: modelVersionOf(embedding),
  };
}

function toBase64({ data }: LowResLogits): string {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}

function readAnswer(buffer: ArrayBuffer): ServerAnswer {
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, HEAD_LENGTH_BYTES, length))) as DecodeHead;
  const logits = new Float32Array(buffer, HEAD_LENGTH_BYTES + length);
  if (logits.length !== CANDIDATES * head.side ** 2) {
    throw new DecodeError("server_failed", "The server's answer is cut off.");
  }
  return { logits, predictedIou: head.predicted_iou };
}

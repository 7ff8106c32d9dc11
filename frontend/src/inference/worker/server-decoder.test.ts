import { expect, it, vi } from "vitest";

import { imagePoint, type Prompt } from "../../geometry/types";
import { decodeOnServer } from "./server-decoder";

const PROMPTS: Prompt[] = [
  { kind: "point", point: imagePoint(10.5, 20.5), label: 0 },
  { kind: "box", box: { x0: 1, y0: 2, x1: 3, y1: 4 } },
];
const REQUEST = {
  embedding: {
    key: "0a-vit-b-2-0_0_64_64_flipped-f16",
    url: "/k.npy",
    imageId: 5,
    cropBox: { x0: 0, y0: 0, x1: 64, y1: 64 },
    isFlipped: true,
  },
  prompts: PROMPTS,
  maskInput: { data: Float32Array.of(1, -2, 0.5, 0), side: 2 },
} as const;

function answering(response: () => Response) {
  const get = vi.fn<typeof fetch>(() => Promise.resolve(response()));
  return { api: "/api/v1", csrf: "token", fetch: get, get };
}

function binaryAnswer(side: number, floats: number): Response {
  const head = new TextEncoder().encode(JSON.stringify({ side, predicted_iou: [0.1, 0.2, 0.3, 0.4] }).padEnd(60));
  const body = new Uint8Array(4 + head.length + 4 * floats);
  new DataView(body.buffer).setUint32(0, head.length, true);
  body.set(head, 4);
  new Float32Array(body.buffer, 4 + head.length).fill(7);
  return new Response(body);
}

it("asks as the API wants to be asked and reads its binary answer", async () => {
  const options = answering(() => binaryAnswer(2, 16));
  const { logits, predictedIou } = await decodeOnServer(REQUEST, options);
  expect([...logits]).toEqual(new Array(16).fill(7));
  expect(predictedIou).toEqual([0.1, 0.2, 0.3, 0.4]);
  const [url, init] = options.get.mock.calls[0];
  expect(url).toBe("/api/v1/images/5/decode");
  expect(init?.headers).toMatchObject({ "X-CSRFToken": "token" });
  const body = JSON.parse(init?.body as string) as Record<string, unknown>;
  expect(body).toMatchObject({
    points: [{ x: 10, y: 20, label: 0 }],
    box_xyxy: [1, 2, 3, 4],
    crop_box_xyxy: [0, 0, 64, 64],
    is_flipped: true,
    model_version: "vit-b-2",
  });
  const bytes = Buffer.from(body.mask_input as string, "base64");
  expect([...new Float32Array(new Uint8Array(bytes).buffer)]).toEqual([1, -2, 0.5, 0]);
});

it.each([
  ["refuses", () => new Response(null, { status: 500 }), "server_failed"],
  ["has no embedding yet", () => new Response(null, { status: 409 }), "embedding_missing"],
  ["breaks off", () => binaryAnswer(2, 12), "server_failed"],
])("says when the server %s", async (_, response, code) => {
  await expect(decodeOnServer(REQUEST, answering(response))).rejects.toMatchObject({ code });
});

it("says when the server cannot be reached", async () => {
  const options = { ...answering(() => new Response()), fetch: () => Promise.reject(new TypeError("offline")) };
  await expect(decodeOnServer(REQUEST, options)).rejects.toMatchObject({ code: "server_failed" });
});

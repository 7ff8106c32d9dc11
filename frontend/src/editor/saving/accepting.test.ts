import { beforeEach, describe, expect, it } from "vitest";

import { MaskDocument } from "../../model/document";
import { History } from "../../model/history";
import { FakeDecoder, settle } from "../prompting/fake-decoder";
import { Prompting } from "../prompting/prompting";
import { whenAnswered } from "./accepting";

let document: MaskDocument;
let decoder: FakeDecoder;
let prompting: Prompting;
let accepted: number[];

beforeEach(() => {
  document = new MaskDocument();
  decoder = new FakeDecoder();
  accepted = [];
  const port = {
    document,
    history: new History(),
    decoder,
    viewsFor: () => [{ imageId: 1, key: "k", url: "/k.npy", cropBox: null, isFlipped: false }],
    fetchCrop: () => Promise.resolve(null),
    onNothingSharper: () => undefined,
    onDecoded: () => undefined,
    onShown: () => undefined,
    onFailed: () => undefined,
    onPreview: () => undefined,
    detailStep: () => 1,
    samplingStep: () => 1,
    afterPaint: () => Promise.resolve(),
  };
  prompting = new Prompting(port, { width: 6, height: 2 });
});

const pressEnter = (): void =>
  whenAnswered({ document, prompting }, () => accepted.push(document.draft?.prompts.length ?? 0));

describe("Enter before the model's answer", () => {
  it("keeps what the answer will be", async () => {
    prompting.addPoint({ x: 1, y: 1 }, 1);
    pressEnter();
    expect(accepted).toEqual([]);
    await decoder.answer();
    expect(accepted).toEqual([1]);
  });

  it("keeps the candidate that was chosen a moment before, with its own mask", async () => {
    prompting.addPoint({ x: 1, y: 1 }, 1);
    await decoder.answer();
    const { mask } = document.draft ?? {};
    prompting.cycleCandidate(1);
    pressEnter();
    expect(accepted).toEqual([]);
    await settle();
    expect(accepted).toEqual([1]);
    expect(document.draft?.mask).not.toBe(mask);
  });

  it("is off when another point was made instead of waiting, or the draft was dropped", async () => {
    prompting.addPoint({ x: 1, y: 1 }, 1);
    pressEnter();
    prompting.addPoint({ x: 2, y: 1 }, 1);
    await settle();
    decoder.waiting.shift();
    await decoder.answer();
    expect(accepted).toEqual([]);
    prompting.addPoint({ x: 3, y: 1 }, 1);
    pressEnter();
    prompting.abandon();
    await settle();
    expect(accepted).toEqual([]);
  });
});

/** Answers a prompt: asks the views, applies the model's policy, and samples the mask. */
import type { LowResLogits } from "../../geometry/types";
import type { Candidate, EmbeddingRef, RawAnswer } from "../../model/embedding-views";
import { answerPrompt } from "../masks/multi-view";
import { sampledMaskOf } from "../masks/pictures";
import type { Manifest } from "../protocol/manifest";
import type { Answered, Question } from "../protocol/messages";
import type { ViewDecoder } from "./view-decoder";

interface Decoded {
  readonly raw: RawAnswer;
  readonly ms: number;
}

export class Answering {
  /** What was decoded of the question that is asked, by the view's key: one asked again goes on from there. */
  private decoded = new Map<string, Decoded>();
  private number = -1;

  /** `now`: milliseconds of a clock that only goes forward. */
  constructor(
    private readonly manifest: Manifest,
    private readonly views: Pick<ViewDecoder, "decode">,
    private readonly now: () => number,
  ) {}

  /** Rejects as the views do. */
  async answer(question: Question): Promise<Answered> {
    if (question.number !== this.number) this.decoded = new Map();
    this.number = question.number;
    const { policy, geometry } = this.manifest;
    const ask = (view: EmbeddingRef, start: LowResLogits | null) => this.ask(question, view, start);
    const rules = { policy, geometry, mostViews: question.mostViews };
    const { candidates, chosen: likeliest, decodedViews } = await answerPrompt(question, rules, ask);
    const chosen = question.chosen ?? likeliest;
    const { cropBox } = decodedViews[decodedViews.length - 1].embedding;
    const asked = { logits: candidates[chosen].maskLogits, originalSize: question.originalSize, cropBox };
    const sampled = sampledMaskOf(asked, geometry, question.step);
    const viewMs = decodedViews.map(({ embedding }) => this.decoded.get(embedding.key)?.ms ?? 0);
    this.decoded = new Map(); // the arrays go to the page
    return { candidates: candidates.map(settled), chosen, decodedViews, sampled, viewMs };
  }

  private async ask(question: Question, view: EmbeddingRef, start: LowResLogits | null): Promise<RawAnswer> {
    const known = this.decoded.get(view.key);
    if (known) return known.raw;
    const begun = this.now();
    const { logits, predictedIou } = await this.views.decode(view, question, start);
    const raw = { logits, predictedIou };
    this.decoded.set(view.key, { raw, ms: this.now() - begun });
    return raw;
  }
}

/** A candidate as it can be sent: what was to be computed when looked at is. */
function settled({ index, predictedIou, stabilityScore, logits, maskLogits }: Candidate): Candidate {
  return { index, predictedIou, stabilityScore, logits, maskLogits };
}

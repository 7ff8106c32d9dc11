/**
 * One answer to a prompt from several views: the whole photo, its flip, and the smallest crop that is ready and that the
 * answer fits into; no more views than fit into the policy's time. Mirrors sam_core/multi_view.py. Knows nothing of
 * workers, servers and clocks.
 */
import type { InputGeometry } from "../../geometry/photo-geometry";
import { sameBox, type LowResLogits } from "../../geometry/types";
import type { Candidate, EmbeddingRef, RawAnswer, DecodedView } from "../../model/embedding-views";
import type { MaskPolicy } from "../protocol/mask-policy";
import type { Question } from "../protocol/messages";
import { applyPolicy, flipsFor } from "./policy";
import { TOP_LEFT, toTokens } from "./prompt-tokens";
import { answerBox, cropThatFits, onGridOf, viewOf } from "./views";

type AskView = (view: EmbeddingRef, start: LowResLogits | null) => Promise<RawAnswer>;
type Asked = Pick<Question, "views" | "originalSize" | "prompts" | "starts" | "before">;

export interface AnsweredPrompt {
  readonly candidates: readonly Candidate[];
  readonly chosen: number;
  readonly decodedViews: readonly DecodedView[];
}

export interface AnswerRules {
  readonly policy: MaskPolicy;
  readonly geometry: InputGeometry;
  /** How many views may answer, settled when the prompt comes. */
  readonly mostViews: number;
}

export async function answerPrompt(
  question: Asked,
  { policy, geometry, mostViews }: AnswerRules,
  ask: AskView,
): Promise<AnsweredPrompt> {
  const { views, originalSize, prompts, before } = question;
  const decodedViews: DecodedView[] = [];
  const askAll = async (those: readonly EmbeddingRef[]) => {
    for (const embedding of those.slice(0, Math.max(mostViews - decodedViews.length, 0))) {
      decodedViews.push({ embedding, ...(await ask(embedding, startFor(embedding, question, geometry))) });
    }
    return show();
  };
  const show = () => {
    const { cropBox } = decodedViews[decodedViews.length - 1].embedding;
    const answers = decodedViews.map(({ embedding, ...raw }) => ({
      ...raw,
      view: viewOf(originalSize, embedding.cropBox, geometry),
    }));
    const last = before && { logits: before.logits, view: viewOf(originalSize, before.cropBox, geometry) };
    return applyPolicy(policy, answers, toTokens(prompts, originalSize, cropBox, geometry), last);
  };
  const { labels } = toTokens(prompts, originalSize, null, geometry);
  // As sam_core orders them, whichever came first: the answer must not depend on which file arrived sooner.
  const plain = views.filter(({ isFlipped }) => !isFlipped);
  const flipped = flipsFor(policy, labels) ? views.filter(({ isFlipped }) => isFlipped) : [];
  const wanted = [...plain, ...flipped];
  const wholes = wanted.filter(({ cropBox }) => cropBox === null);
  // Of two, what gains more: a crop for boxes, the flip for points, unless their mask has a crop's grid already.
  const isCropFirst = mostViews === 2 && (labels.includes(TOP_LEFT) || Boolean(before?.cropBox));
  const whole = await askAll(isCropFirst ? wholes.slice(0, 1) : wholes);
  const crops = policy.usesCrops && prompts.length > 0 ? wanted.flatMap(({ cropBox }) => cropBox ?? []) : [];
  const box = answerBox(prompts, whole.candidates, viewOf(originalSize, null, geometry));
  const crop = cropThatFits(crops, box, originalSize);
  const more = crop ? wanted.filter(({ cropBox }) => sameBox(cropBox, crop)) : isCropFirst ? wholes.slice(1) : [];
  const answer = more.length > 0 && decodedViews.length < mostViews ? await askAll(more) : whole;
  return { ...answer, decodedViews };
}

/** The mask that a view goes on from: what it gave itself, else the whole photo's; null for a first prompt. */
function startFor({ cropBox, isFlipped }: EmbeddingRef, { starts, originalSize }: Asked, geometry: InputGeometry) {
  const own = starts.find((one) => one.isFlipped === isFlipped && sameBox(one.cropBox, cropBox));
  if (own || starts.length === 0) return own?.logits ?? null;
  const { logits, cropBox: from } = starts[0];
  const [wide, near] = [from, cropBox].map((crop) => viewOf(originalSize, crop, geometry));
  return { data: onGridOf(logits.data, logits.side, wide, near), side: logits.side };
}

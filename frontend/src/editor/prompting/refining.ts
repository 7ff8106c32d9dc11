/** Gives a saved mask back to the model: its prompts, and its shape as the mask to start from. */
import { maskBounds } from "../../geometry/column-mask";
import type { Prompt } from "../../geometry/types";
import type { MaskRecord, ProvenancePrompt } from "../../model/mask-record";
import type { Prompting } from "./prompting";

/** Start a draft from a saved mask; one without prompts gets its box. */
export function refineMask(prompting: Pick<Prompting, "refine" | "maskPrompt">, record: MaskRecord): void {
  const prompts = (record.provenance.prompts ?? []).map(promptFrom);
  const bounds = maskBounds(record.mask);
  const known: readonly Prompt[] = prompts.length > 0 || !bounds ? prompts : [{ kind: "box", box: bounds }];
  const start = { cropBox: null, isFlipped: false, logits: prompting.maskPrompt(record.mask) };
  prompting.refine(record.id, { prompts: known, mask: record.mask, starts: [start] });
}

function promptFrom(prompt: ProvenancePrompt): Prompt {
  if (prompt.type === "point") return { kind: "point", point: { x: prompt.x, y: prompt.y }, label: prompt.label };
  const { x0, y0, x1, y1 } = prompt;
  return { kind: "box", box: { x0, y0, x1, y1 } };
}

/**
 * Which engine decodes: right first, then fast. A wrong engine is never used, whatever was remembered or asked for.
 *
 * The page can work as soon as the first right engine is open. WebGPU is tried afterwards, where there is one, and
 * takes over when it is right and clearly faster.
 */
import { DecodeError, isDecodeError, toDecodeError } from "../protocol/errors";
import type { LocalEngine } from "../protocol/messages";
import type { EngineName, EngineTrial } from "../protocol/types";
import type { EngineMemory } from "./engine-memory";

/** What this browser offers. */
export interface Abilities {
  readonly hasWebGpu: boolean;
  readonly isIsolated: boolean;
  readonly cores: number;
}

/** An engine that has been opened and has decoded the golden case. */
export interface OpenEngine<L> {
  readonly link: L;
  readonly trial: EngineTrial;
}

/** WebGPU must win by so much: its first runs compile shaders and its times vary more. */
const CLEARLY_FASTER = 0.8;

/** Engines to open at once, best guess first; the first right one is used. */
export function openingOrder(abilities: Abilities, memory: EngineMemory): LocalEngine[] {
  const order: LocalEngine[] = [];
  if (abilities.isIsolated && abilities.cores > 1) order.push("wasm-threads");
  order.push("wasm");
  const wanted = memory.override ?? memory.chosen;
  if (wanted === "webgpu" && abilities.hasWebGpu) order.unshift("webgpu");
  if (wanted === "wasm") order.sort((a, b) => Number(b === "wasm") - Number(a === "wasm"));
  return order;
}

/** True when WebGPU should be measured against what is open. */
export function shouldTryWebGpu(abilities: Abilities, memory: EngineMemory): boolean {
  return abilities.hasWebGpu && memory.override === null && memory.chosen === null;
}

export function isClearlyFaster(challenger: EngineTrial, holder: EngineTrial): boolean {
  return challenger.isCorrect && challenger.medianMs < CLEARLY_FASTER * holder.medianMs;
}

/**
 * Open engines in order until one is right. Every trial is told to `onTrial`. Rejects with what the last one failed of;
 * a missing or damaged model is told at once, because no engine could do better.
 */
export async function openFirstRight<L>(
  order: readonly LocalEngine[],
  open: (engine: LocalEngine) => Promise<OpenEngine<L>>,
  shut: (link: L) => void,
  onTrial: (trial: EngineTrial) => void,
): Promise<OpenEngine<L>> {
  let failure = new DecodeError("engine_failed", "This browser offers no engine.");
  for (const engine of order) {
    try {
      const opened = await open(engine);
      onTrial(opened.trial);
      if (opened.trial.isCorrect) return opened;
      shut(opened.link);
      const iou = opened.trial.goldenIou.toFixed(3);
      failure = new DecodeError("wrong_answer", `${engine} decodes the golden case with an IoU of ${iou} only.`);
    } catch (cause) {
      failure = toDecodeError(cause);
      if (isDecodeError(failure, "model_missing", "model_corrupt", "closed")) throw failure;
    }
  }
  throw failure;
}

/** What can be told of an engine that was never measured. */
export function serverTrial(): EngineTrial {
  const engine = "server" satisfies EngineName;
  return { engine, isAccelerated: false, isCorrect: true, goldenIou: 1, medianMs: NaN, threads: 0 };
}

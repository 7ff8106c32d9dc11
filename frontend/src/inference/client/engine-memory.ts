/** Remembers, per model and browser, which engines were right and how fast, and which one the user asked for. */
import { readJson, type SmallStorage } from "../../platform/small-storage";
import type { EngineName, EngineTrial } from "../protocol/types";

export interface EngineMemory {
  readonly chosen: EngineName | null;
  readonly override: EngineName | null;
  /** Right trials only, one an engine. */
  readonly trials: readonly EngineTrial[];
}

const ENGINES: readonly EngineName[] = ["webgpu", "wasm-threads", "wasm", "server"];
const PREFIX = "maskwright.engine";
/** As in package.json: another runtime has to prove itself anew. */
export const RUNTIME_VERSION = "1.30.0";

export class EngineMemoryStore {
  private readonly key: string;

  constructor(
    private readonly storage: Pick<SmallStorage, "getItem" | "setItem">,
    model: { readonly version: string; readonly checksum: string },
    browser: string,
  ) {
    this.key = `${PREFIX}.${RUNTIME_VERSION}.${model.version}.${model.checksum}.${browser}`;
  }

  read(): EngineMemory {
    const kept = (readJson(this.storage, this.key) ?? {}) as Partial<Record<keyof EngineMemory, unknown>>;
    const trials = Array.isArray(kept.trials) ? kept.trials.filter(isRightTrial) : [];
    return { chosen: asEngine(kept.chosen), override: asEngine(kept.override), trials };
  }

  /** Change what is given and keep the rest. */
  update(change: Partial<EngineMemory>): void {
    this.storage.setItem(this.key, JSON.stringify({ ...this.read(), ...change }));
  }

  /** Keep a trial in place of that engine's earlier one; a wrong answer is forgotten, so that it is tried again. */
  note(trial: EngineTrial): void {
    const others = this.read().trials.filter(({ engine }) => engine !== trial.engine);
    this.update({ trials: trial.isCorrect ? [...others, trial] : others });
  }
}

function asEngine(value: unknown): EngineName | null {
  return ENGINES.find((engine) => engine === value) ?? null;
}

function isRightTrial(value: unknown): value is EngineTrial {
  const trial = value as Partial<EngineTrial> | null;
  return (
    typeof trial === "object" &&
    asEngine(trial?.engine) !== null &&
    trial?.isCorrect === true &&
    typeof trial.isAccelerated === "boolean" &&
    Number.isFinite(trial.medianMs) &&
    Number.isFinite(trial.threads)
  );
}

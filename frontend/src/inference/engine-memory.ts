/** Remembers, per model and browser, which engines were right and how fast, and which one the user asked for. */
import type { EngineName, EngineTrial } from "./types";

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
    private readonly storage: Storage | null,
    model: { readonly version: string; readonly checksum: string },
    browser: string,
  ) {
    this.key = `${PREFIX}.${RUNTIME_VERSION}.${model.version}.${model.checksum}.${browser}`;
  }

  read(): EngineMemory {
    try {
      const kept = JSON.parse(this.storage?.getItem(this.key) ?? "{}") as Partial<Record<keyof EngineMemory, unknown>>;
      const trials = Array.isArray(kept.trials) ? kept.trials.filter(isRightTrial) : [];
      return { chosen: asEngine(kept.chosen), override: asEngine(kept.override), trials };
    } catch {
      return { chosen: null, override: null, trials: [] }; // storage is switched off, or what it holds is not ours
    }
  }

  /** Change what is given and keep the rest. */
  update(change: Partial<EngineMemory>): void {
    try {
      this.storage?.setItem(this.key, JSON.stringify({ ...this.read(), ...change }));
    } catch {
      // full or switched off: the engines are measured again next time
    }
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
    Number.isFinite(trial.medianMs) &&
    Number.isFinite(trial.threads)
  );
}

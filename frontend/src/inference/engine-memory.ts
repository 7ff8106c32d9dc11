/** Remembers, per model and browser, which engine was right and fastest, and which one the user asked for. */
import type { EngineName } from "./types";

export interface EngineMemory {
  readonly chosen: EngineName | null;
  readonly override: EngineName | null;
}

const ENGINES: readonly EngineName[] = ["webgpu", "wasm-threads", "wasm", "server"];
const PREFIX = "maskwright.engine";

export class EngineMemoryStore {
  private readonly key: string;

  constructor(
    private readonly storage: Storage | null,
    modelVersion: string,
    browser: string,
  ) {
    this.key = `${PREFIX}.${modelVersion}.${browser}`;
  }

  read(): EngineMemory {
    const nothing = { chosen: null, override: null };
    try {
      const kept = JSON.parse(this.storage?.getItem(this.key) ?? "{}") as Partial<Record<keyof EngineMemory, unknown>>;
      return { chosen: asEngine(kept.chosen), override: asEngine(kept.override) };
    } catch {
      return nothing; // storage is switched off, or what it holds is not ours
    }
  }

  write(memory: EngineMemory): void {
    try {
      this.storage?.setItem(this.key, JSON.stringify(memory));
    } catch {
      // full or switched off: the engines are measured again next time
    }
  }
}

function asEngine(value: unknown): EngineName | null {
  return ENGINES.find((engine) => engine === value) ?? null;
}

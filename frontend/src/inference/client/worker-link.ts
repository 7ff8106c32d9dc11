/** One decoder worker as seen from the page: requests with ids, answers as promises, and its death told once. */
import { DecodeError } from "../protocol/errors";
import { transferablesOf, type AnswerTo, type WorkerAnswer, type WorkerRequest } from "../protocol/messages";

/** What a Worker is to the page; a fake with the same shape stands in for it in tests. */
export interface WorkerPort {
  onmessage: ((event: MessageEvent<WorkerAnswer>) => void) | null;
  onmessageerror: ((event: MessageEvent) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  postMessage(message: WorkerRequest, transfer: Transferable[]): void;
  terminate(): void;
}

interface Pending {
  resolve(answer: WorkerAnswer): void;
  reject(error: DecodeError): void;
  timer: ReturnType<typeof setTimeout>;
}

type WithoutId<T> = T extends { id: number } ? Omit<T, "id"> : never;

/** A worker that is silent for so long is taken for dead; opening includes the download of the runtime. */
const PATIENCE_MS = { open: 180_000, prepare: 60_000, answer: 60_000, mask: 30_000, crop: 30_000 } as const;

export class WorkerLink {
  private readonly pending = new Map<number, Pending>();
  private nextId = 1;
  private death: DecodeError | null = null;

  constructor(private readonly port: WorkerPort) {
    port.onmessage = ({ data }) => this.receive(data);
    port.onmessageerror = () => this.die("The decoder sent what cannot be read.");
    port.onerror = (event) => {
      event.preventDefault();
      this.die(event.message || "The decoder stopped.");
    };
  }

  get isDead(): boolean {
    return this.death !== null;
  }

  /** Ask the worker; rejects with DecodeError, also when the worker dies or stays silent. */
  request<R extends WorkerRequest>(message: WithoutId<R>): Promise<AnswerTo<R>> {
    if (this.death) return Promise.reject(this.death);
    const whole = { ...message, id: this.nextId++ } as unknown as WorkerRequest;
    return new Promise<AnswerTo<R>>((resolve, reject) => {
      const timer = setTimeout(() => this.die("The decoder does not answer."), PATIENCE_MS[whole.type]);
      this.pending.set(whole.id, { resolve: resolve as (answer: WorkerAnswer) => void, reject, timer });
      this.port.postMessage(whole, transferablesOf(whole));
    });
  }

  /** End the worker; whatever waits is rejected. */
  close(error = new DecodeError("closed", "The decoder was closed.")): void {
    if (this.death) return;
    this.death = error;
    this.port.terminate();
    for (const waiting of this.pending.values()) {
      clearTimeout(waiting.timer);
      waiting.reject(error);
    }
    this.pending.clear();
  }

  private die(message: string): void {
    this.close(new DecodeError("engine_failed", message));
  }

  private receive(answer: WorkerAnswer): void {
    const waiting = this.pending.get(answer.id);
    if (!waiting) return; // of a request given up on
    this.pending.delete(answer.id);
    clearTimeout(waiting.timer);
    if (answer.type === "error") waiting.reject(new DecodeError(answer.code, answer.message));
    else waiting.resolve(answer);
  }
}

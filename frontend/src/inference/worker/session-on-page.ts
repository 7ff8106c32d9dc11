/**
 * The decoder's session on the page's own thread, where the browser starts no worker: only the server can decode then, and
 * what is made of its logits is made here. Loaded when needed.
 */
import { DecodeError } from "../protocol/errors";
import type { WorkerAnswer, WorkerRequest } from "../protocol/messages";
import { DecoderSession } from "./decoder-session";

/** As a worker: messages are answered through `onmessage`. */
export class SessionOnPage {
  onmessage: ((event: MessageEvent<WorkerAnswer>) => void) | null = null;
  onmessageerror: ((event: MessageEvent) => void) | null = null;
  onerror: ((event: ErrorEvent) => void) | null = null;
  private isOver = false;
  private readonly session = new DecoderSession({
    openBackend: () => Promise.reject(noEngine()),
    fetch: fetch.bind(globalThis),
    now: () => performance.now(),
  });

  postMessage(message: WorkerRequest): void {
    void this.session.handle(message).then((data) => {
      if (!this.isOver) this.onmessage?.({ data } as MessageEvent<WorkerAnswer>);
    });
  }

  terminate(): void {
    this.isOver = true;
  }
}

function noEngine(): DecodeError {
  return new DecodeError("engine_failed", "Without a worker no engine runs here.");
}

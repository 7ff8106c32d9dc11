/** What can go wrong between a prompt and its mask, as codes that the workspace turns into words. */

export type DecodeErrorCode =
  | "stale" // a newer hover or a click took its place
  | "aborted" // the caller's signal
  | "closed" // the client was closed
  | "bad_prompt"
  | "embedding_missing" // not there, not reachable, or damaged
  | "embedding_mismatch" // of another model version or shape
  | "model_missing"
  | "model_corrupt"
  | "wrong_answer" // the engine does not reproduce the golden case
  | "wasm_blocked" // WebAssembly may not run here
  | "out_of_memory"
  | "engine_failed"
  | "server_failed";

export class DecodeError extends Error {
  override readonly name = "DecodeError";

  constructor(
    readonly code: DecodeErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export function isDecodeError(error: unknown, ...codes: readonly DecodeErrorCode[]): error is DecodeError {
  return error instanceof DecodeError && (codes.length === 0 || codes.includes(error.code));
}

/** Name what a runtime threw. */
export function toDecodeError(cause: unknown): DecodeError {
  if (cause instanceof DecodeError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  if (/out of memory|bad_alloc|allocation failed|could not allocate|exceeds.*memory/i.test(message)) {
    return new DecodeError("out_of_memory", "The browser ran out of memory while decoding.", { cause });
  }
  if (/unsafe-eval|Content Security Policy|CompileError|disallowed by embedder|WebAssembly is not/i.test(message)) {
    return new DecodeError("wasm_blocked", "WebAssembly is blocked on this page.", { cause });
  }
  return new DecodeError("engine_failed", message, { cause });
}

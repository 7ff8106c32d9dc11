/**
 * Sends operations of one image so that a bad one never holds back the others: what the server cannot take as a whole
 * is split until the bad one is alone. Knows neither the journal nor the document.
 */
import { ApiError } from "./http";
import type { OperationResult, WireOperation } from "./wire";

/** What came of one operation: the server's result, or the error that it met with when it was alone. */
export interface Outcome {
  readonly operation: WireOperation;
  readonly result: OperationResult | null;
  readonly error: ApiError | null;
}

export type Post = (operations: readonly WireOperation[]) => Promise<readonly OperationResult[]>;

/** Answers that are about what was sent; all others are about the server, the line or the person. */
const ABOUT_CONTENT: ReadonlySet<number> = new Set([400, 413, 422, 500]);
/** So many single operations in a row that fail with 500, and none that does not: it is the server. */
const GIVE_UP_AFTER = 3;

/** Send operations; rejects with the ApiError where no answer is to be had, or none but 500. */
export async function sendOperations(post: Post, operations: readonly WireOperation[]): Promise<readonly Outcome[]> {
  const told: Outcome[] = [];
  await sendPart(post, operations, told);
  return told;
}

async function sendPart(post: Post, operations: readonly WireOperation[], told: Outcome[]): Promise<void> {
  try {
    const results = new Map((await post(operations)).map((result) => [result.op_id, result]));
    for (const operation of operations) told.push(outcomeOf(operation, results.get(operation.op_id)));
  } catch (error) {
    if (!(error instanceof ApiError) || !ABOUT_CONTENT.has(error.status)) throw error;
    if (operations.length === 1) noteAlone(told, operations[0], error);
    else await sendHalves(post, operations, told);
  }
}

async function sendHalves(post: Post, operations: readonly WireOperation[], told: Outcome[]): Promise<void> {
  const middle = Math.ceil(operations.length / 2);
  await sendPart(post, operations.slice(0, middle), told);
  await sendPart(post, operations.slice(middle), told);
}

function noteAlone(told: Outcome[], operation: WireOperation, error: ApiError): void {
  told.push({ operation, result: null, error });
  const isServer = told.length >= GIVE_UP_AFTER && told.every((outcome) => outcome.error?.status === 500);
  if (isServer) throw new ServerFailsError(error, told);
}

function outcomeOf(operation: WireOperation, result: OperationResult | undefined): Outcome {
  const missing = new ApiError(500, "no_result", "The server said nothing of this change.", null);
  return result ? { operation, result, error: null } : { operation, result: null, error: missing };
}

/** The server fails on whatever it is sent; `told` says on what so far. */
export class ServerFailsError extends ApiError {
  constructor(
    cause: ApiError,
    readonly told: readonly Outcome[],
  ) {
    super(cause.status, cause.code, cause.message, cause.extra);
  }
}

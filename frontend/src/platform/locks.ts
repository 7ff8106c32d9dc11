/**
 * One tab at a time: Web Locks where the browser has them (https and localhost), else a lease in localStorage that its
 * holder renews, else nothing but the tab's own order.
 *
 * A lease is weaker than a lock: a tab in the background may renew too late, and two tabs then work at once. Whoever
 * asks must be right even so; a lock saves double work.
 */
import { newId } from "./ids";
import { localTexts, type SmallStorage } from "./small-storage";

type Locks = Pick<LockManager, "request">;

export interface LockOptions {
  /** Give up waiting; work that has begun goes on. */
  readonly signal?: AbortSignal;
  readonly locks?: Locks | null;
  readonly storage?: SmallStorage;
}

const LEASE_MS = 8_000;
const RENEW_MS = 2_000;
const ASK_AGAIN_MS = 300;
/** Two tabs that ask at once both write; after so long each reads who came last. */
const SETTLE_MS = 30;

/** Do `work` while no other tab does work of that name. Rejects with the signal's reason where waiting was given up. */
export async function withLock<T>(name: string, work: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  const { signal, locks = browserLocks(), storage = localTexts } = options;
  if (locks) {
    const asked = await askFor(locks, name, work, signal);
    if (asked) return asked.done;
  }
  return inTurn(name, () => withLease(storage, `maskwright-lock-${name}`, work, signal));
}

/** Wait for the browser's lock; null where it refuses it although it is there (opaque origins, storage switched off). */
async function askFor<T>(locks: Locks, name: string, work: () => Promise<T>, signal?: AbortSignal) {
  const state: { done: Promise<T> | null } = { done: null };
  const begin = (): Promise<T> => (state.done = work());
  try {
    await locks.request(name, signal ? { signal } : {}, begin);
  } catch (error) {
    if (state.done === null && signal?.aborted) throw error;
  }
  return state.done && { done: state.done };
}

function browserLocks(): Locks | null {
  return (globalThis.navigator as { locks?: LockManager } | undefined)?.locks ?? null;
}

const turns = new Map<string, Promise<unknown>>();

/** One after the other within this tab. */
function inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
  const turn = (turns.get(name) ?? Promise.resolve()).then(work, work);
  turns.set(
    name,
    turn.catch(() => undefined),
  );
  return turn;
}

async function withLease<T>(
  storage: SmallStorage,
  key: string,
  work: () => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  const me = newId();
  const claim = (): void => storage.setItem(key, `${me} ${Date.now() + LEASE_MS}`);
  while (storage.isKept && !(await isMine(storage, key, me, claim))) await pause(ASK_AGAIN_MS, signal);
  signal?.throwIfAborted();
  const renewing = setInterval(claim, RENEW_MS);
  try {
    return await work();
  } finally {
    clearInterval(renewing);
    if (holderOf(storage, key) === me) storage.removeItem(key);
  }
}

async function isMine(storage: SmallStorage, key: string, me: string, claim: () => void): Promise<boolean> {
  if (holderOf(storage, key) !== null) return false;
  claim();
  await pause(SETTLE_MS);
  return holderOf(storage, key) === me;
}

function holderOf(storage: SmallStorage, key: string): string | null {
  const [holder, until] = (storage.getItem(key) ?? "").split(" ");
  return Number(until) > Date.now() ? holder : null;
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    });
  });
}

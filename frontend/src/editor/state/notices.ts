/** Messages to the person: shown for a while, and read out by screen readers. */
import { ApiError } from "../../api/http";
import type { Notice } from "../../model/workspace";
import type { Stores } from "./stores";

/** What a failure says: its message, and its code, by which panels find the words of the person's language. */
export function reasonOf(error: unknown): { readonly reason: string; readonly code: string } {
  const code = error instanceof ApiError ? error.code : "";
  return { reason: error instanceof Error ? error.message : String(error), code };
}

const SHOWN_MS = 6_000;
const MAX_SHOWN = 3;

export class Notices {
  private nextId = 1;

  constructor(private readonly stores: Pick<Stores, "notices" | "announcement">) {}

  tell(tone: Notice["tone"], key: string, params: Notice["params"] = {}, action: Notice["action"] = null): void {
    const id = this.nextId++;
    this.stores.notices.update((notices) => [...notices, { id, tone, key, params, action }].slice(-MAX_SHOWN));
    if (tone === "info") setTimeout(() => this.dismiss(id), SHOWN_MS);
  }

  dismiss(id: number): void {
    this.stores.notices.update((notices) => notices.filter((notice) => notice.id !== id));
  }

  clear(key: string): void {
    this.stores.notices.update((notices) => notices.filter((notice) => notice.key !== key));
  }
}

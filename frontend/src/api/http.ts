/** JSON over HTTP with the session's cookie and CSRF token; every failure becomes an ApiError that says what it was. */
import { deadline } from "../platform/signals";
import type { Envelope } from "../wire/openapi";

export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly extra: unknown,
  ) {
    super(message);
  }

  /** True when trying the same again later can help: no answer, a full or restarting server. */
  get isTemporary(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** An answer and the tag by which the server knows its state; empty where it gives none. */
export interface Tagged<T> {
  readonly body: T;
  readonly tag: string;
}

export interface HttpClient {
  get<T>(path: string, signal?: AbortSignal): Promise<T>;
  /** Read what may have changed since the answer with `tag`; null: nothing has. */
  getChanged<T>(path: string, tag: string): Promise<Tagged<T> | null>;
  send<T>(method: "POST" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<T>;
}

type Headings = Readonly<Record<string, string>>;

const TIMEOUT_MS = 30_000;

/** Whose page is asking, and which of that person's tabs. */
export interface Caller {
  readonly userId: number;
  readonly tab: string;
}

/**
 * `csrf` is the token that came with the page; the cookie's is newer where the person has signed in again since.
 * The server refuses what a page of one person sends while another is signed in (403 `other_account`).
 */
export function makeHttpClient(base: string, csrf: string, caller: Caller | null = null): HttpClient {
  const headings: Headings = caller
    ? { "X-Maskwright-User": String(caller.userId), "X-Maskwright-Tab": caller.tab }
    : {};
  const call = (path: string, init: Omit<RequestInit, "headers"> & { headers?: Headings }): Promise<Response> => {
    return reach(base + path, {
      ...init,
      headers: { Accept: "application/json", ...init.headers },
      credentials: "same-origin",
      signal: deadline(TIMEOUT_MS, init.signal),
    });
  };
  return {
    get: async (path, signal) => readAnswer(await call(path, { signal })),
    getChanged: async (path, tag) =>
      readTagged(await call(path, tag === "" ? {} : { headers: { "If-None-Match": tag } })),
    send: async (method, path, body) => {
      const type: Headings = body === undefined ? {} : { "Content-Type": "application/json" };
      const headers = { "X-CSRFToken": csrfCookie() ?? csrf, ...headings, ...type };
      return readAnswer(
        await call(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) }),
      );
    },
  };
}

async function reach(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (cause) {
    throw noAnswer(cause);
  }
}

/** A request that ended without an answer: it took too long, or there is no line. */
function noAnswer(cause: unknown): ApiError {
  const isLate = cause instanceof Error && cause.name === "TimeoutError";
  const message = cause instanceof Error ? cause.message : "No answer.";
  return new ApiError(0, isLate ? "timeout" : "unreachable", message, null);
}

function csrfCookie(): string | null {
  const { cookie } = (globalThis as { document?: { cookie: string } }).document ?? { cookie: "" };
  return /(?:^|; )csrftoken=([^;]+)/.exec(cookie)?.[1] ?? null;
}

async function readTagged<T>(response: Response): Promise<Tagged<T> | null> {
  if (response.status === 304) return null;
  return { body: await readAnswer<T>(response), tag: response.headers.get("ETag") ?? "" };
}

async function readAnswer<T>(response: Response): Promise<T> {
  const text = await response.text().catch((cause: unknown) => {
    throw noAnswer(cause); // the line broke within the answer
  });
  const body = parse(text);
  if (response.ok) return body as T;
  const envelope = (body ?? {}) as Partial<Envelope>;
  const message = envelope.message ?? `The server answered ${response.status}.`;
  throw new ApiError(response.status, envelope.code ?? "error", message, envelope.extra);
}

function parse(text: string): unknown {
  if (text === "") return null;
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    if (cause instanceof SyntaxError) return null;
    throw cause;
  }
}

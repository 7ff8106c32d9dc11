/** JSON over HTTP with the session's cookie and CSRF token; every failure becomes an ApiError that says what it was. */

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

export function makeHttpClient(base: string, csrf: string): HttpClient {
  const call = (path: string, init: Omit<RequestInit, "headers"> & { headers?: Headings }): Promise<Response> => {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    return reach(base + path, {
      ...init,
      headers: { Accept: "application/json", ...init.headers },
      credentials: "same-origin",
      signal: init.signal ? AbortSignal.any([init.signal, timeout]) : timeout,
    });
  };
  return {
    get: async (path, signal) => readAnswer(await call(path, { signal })),
    getChanged: async (path, tag) =>
      readTagged(await call(path, tag === "" ? {} : { headers: { "If-None-Match": tag } })),
    send: async (method, path, body) => {
      const type: Headings = body === undefined ? {} : { "Content-Type": "application/json" };
      const headers = { "X-CSRFToken": csrf, ...type };
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
    throw new ApiError(0, "unreachable", cause instanceof Error ? cause.message : "No answer.", null);
  }
}

async function readTagged<T>(response: Response): Promise<Tagged<T> | null> {
  if (response.status === 304) return null;
  return { body: await readAnswer<T>(response), tag: response.headers.get("ETag") ?? "" };
}

async function readAnswer<T>(response: Response): Promise<T> {
  const text = await response.text();
  const body = parse(text);
  if (response.ok) return body as T;
  const envelope = (body ?? {}) as { code?: string; message?: string; extra?: unknown };
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

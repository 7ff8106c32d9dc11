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

export interface HttpClient {
  get<T>(path: string, signal?: AbortSignal): Promise<T>;
  send<T>(method: "POST" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<T>;
}

const TIMEOUT_MS = 30_000;

export function makeHttpClient(base: string, csrf: string): HttpClient {
  const call = async <T>(method: string, path: string, body: unknown, signal?: AbortSignal): Promise<T> => {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (method !== "GET") headers["X-CSRFToken"] = csrf;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    const response = await reach(base + path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    return readAnswer<T>(response);
  };
  return {
    get: (path, signal) => call("GET", path, undefined, signal),
    send: (method, path, body) => call(method, path, body),
  };
}

async function reach(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (cause) {
    throw new ApiError(0, "unreachable", cause instanceof Error ? cause.message : "No answer.", null);
  }
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

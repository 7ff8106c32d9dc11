/** Hints over a WebSocket: what changed, never what it is now. The page works without them, only later. */

export interface Hint {
  readonly type: string;
  readonly image_id?: number;
  readonly user_id?: number;
}

const RECONNECT_MS = 5_000;
const GIVE_UP_AFTER = 6;

/** What the server closes with when the person is no member of the project. */
const NO_MEMBER = 4404;

/**
 * Listen until the returned function is called. `onConnect` tells of each new connection: something may be missed;
 * `onRefused` that the server wants this person no more.
 */
export function listenForHints(
  url: string,
  onHint: (hint: Hint) => void,
  onConnect: () => void,
  onRefused: () => void,
): () => void {
  let socket: WebSocket | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  const connect = (): void => {
    socket = new WebSocket(url);
    socket.onopen = () => {
      failures = 0;
      onConnect();
    };
    socket.onmessage = (event: MessageEvent<string>) => onHint(JSON.parse(event.data) as Hint);
    socket.onclose = (event: CloseEvent) => {
      if (event.code === NO_MEMBER) onRefused();
      failures++;
      if (failures < GIVE_UP_AFTER) timer = setTimeout(connect, RECONNECT_MS * failures);
    };
  };
  connect();
  return () => {
    failures = GIVE_UP_AFTER;
    clearTimeout(timer);
    socket?.close();
  };
}

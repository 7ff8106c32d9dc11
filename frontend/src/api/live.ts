/** Hints over a WebSocket: what changed, never what it is now. The page works without them, only later. */
import { openSocket } from "../platform/sockets";
import type { Hint, Watch } from "../wire/openapi";

const RECONNECT_MS = 5_000;
const GIVE_UP_AFTER = 6;

/** `WebSocket.OPEN`, which browsers without sockets do not have. */
const SOCKET_OPEN = 1;

/** What the server closes with when the person is no member of the project. */
const NO_MEMBER = 4404;

export interface HintLine {
  /** Ask for the hints of one image alone: a page that shows one wants no others. */
  watch(imageId: number | null): void;
  stop(): void;
}

/**
 * Listen until stopped. `onConnect` tells of each new connection: something may be missed; `onRefused` that the server
 * wants this person no more.
 */
export function listenForHints(
  url: string,
  onHint: (hint: Hint) => void,
  onConnect: () => void,
  onRefused: () => void,
): HintLine {
  let watched: number | null = null;
  let socket: WebSocket | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  const sayWatched = (): void => {
    const watch: Watch = { type: "watch", image_id: watched };
    if (socket?.readyState === SOCKET_OPEN) socket.send(JSON.stringify(watch));
  };
  const connect = (): void => {
    socket = openSocket(url);
    if (!socket) return;
    socket.onopen = () => {
      failures = 0;
      sayWatched();
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
  return {
    watch(imageId) {
      watched = imageId;
      sayWatched();
    },
    stop() {
      failures = GIVE_UP_AFTER;
      clearTimeout(timer);
      socket?.close();
    },
  };
}

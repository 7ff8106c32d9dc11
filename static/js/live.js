/** Hints over the project's WebSocket; the page works without them, by polling. */

const RETRY_MS = [1000, 2000, 5000, 10000, 30000];
const FOR_GOOD = new Set([4401, 4404]);

/** Call `onHint` for each hint and `onState(isOpen)` when the line opens or closes. Reconnects with growing pauses. */
export function listenToProject(path, onHint, onState) {
  let failures = 0;
  const open = () => {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}${path}`);
    socket.addEventListener("open", () => {
      failures = 0;
      onState(true);
    });
    socket.addEventListener("message", (event) => onHint(JSON.parse(event.data)));
    socket.addEventListener("close", (event) => {
      onState(false);
      if (FOR_GOOD.has(event.code)) return;
      setTimeout(open, RETRY_MS[Math.min(failures, RETRY_MS.length - 1)]);
      failures += 1;
    });
  };
  open();
}

/** WebSockets, where the browser and what lies between it and the server let them through. */

/** Open a socket; null where there are none or the browser refuses it. Nothing may depend on one. */
export function openSocket(url: string): WebSocket | null {
  try {
    return new WebSocket(url);
  } catch {
    return null;
  }
}

/**
 * Messages to the other tabs of this browser: BroadcastChannel, else the storage event of localStorage, else nobody
 * hears them. Hints only: whoever needs to be sure asks the server.
 */
import { newId } from "./ids";
import { localTexts } from "./small-storage";

export interface Channel<T> {
  post(message: T): void;
  close(): void;
}

/** Open a channel of a name; `onMessage` gets what other tabs post, never what this one does. */
export function openChannel<T>(name: string, onMessage: (message: T) => void): Channel<T> {
  return overBroadcast(name, onMessage) ?? overStorage(`maskwright-channel-${name}`, onMessage);
}

function overBroadcast<T>(name: string, onMessage: (message: T) => void): Channel<T> | null {
  if (typeof globalThis.BroadcastChannel !== "function") return null;
  try {
    const channel = new BroadcastChannel(name);
    channel.onmessage = ({ data }: MessageEvent<T>) => onMessage(data);
    return { post: (message) => channel.postMessage(message), close: () => channel.close() };
  } catch {
    return null; // refused on an opaque origin
  }
}

function overStorage<T>(key: string, onMessage: (message: T) => void): Channel<T> {
  const hear = ({ key: changed, newValue }: StorageEvent): void => {
    if (changed === key && newValue) onMessage((JSON.parse(newValue) as { message: T }).message);
  };
  addEventListener("storage", hear);
  return {
    // The id makes two equal messages two changes; without a change there is no event.
    post: (message) => localTexts.setItem(key, JSON.stringify({ id: newId(), message })),
    close: () => removeEventListener("storage", hear),
  };
}

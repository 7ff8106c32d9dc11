import { afterEach, expect, test, vi } from "vitest";
import { listenForHints } from "./live";

class FakeSocket {
  static made: FakeSocket[] = [];
  readonly sent: unknown[] = [];
  readyState = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;

  constructor(readonly url: string) {
    FakeSocket.made.push(this);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.readyState = 3;
  }

  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }
}

function listening() {
  FakeSocket.made = [];
  vi.stubGlobal("WebSocket", FakeSocket);
  vi.useFakeTimers();
  const heard: unknown[] = [];
  const line = listenForHints("ws://host/ws", (hint) => heard.push(hint), vi.fn(), vi.fn());
  return { line, heard, socket: () => FakeSocket.made.at(-1) as FakeSocket };
}

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("the image shown is watched from the moment the line opens, and the next one when it is shown", () => {
  const { line, socket } = listening();
  line.watch(5);
  expect(socket().sent).toEqual([]);
  socket().open();
  line.watch(6);
  expect(socket().sent).toEqual([
    { type: "watch", image_id: 5 },
    { type: "watch", image_id: 6 },
  ]);
});

test("a new line after a loss watches the same image", () => {
  const { line, socket } = listening();
  line.watch(5);
  socket().open();
  socket().onclose?.({ code: 1006 });
  vi.advanceTimersByTime(5_000);
  expect(FakeSocket.made).toHaveLength(2);
  socket().open();
  expect(socket().sent).toEqual([{ type: "watch", image_id: 5 }]);
});

test("nobody connects again once stopped", () => {
  const { line, socket } = listening();
  socket().open();
  line.stop();
  socket().onclose?.({ code: 1000 });
  vi.advanceTimersByTime(60_000);
  expect(FakeSocket.made).toHaveLength(1);
});

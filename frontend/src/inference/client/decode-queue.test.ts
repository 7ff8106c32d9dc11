import { describe, expect, it } from "vitest";

import { DecodeQueue } from "./decode-queue";

/** A job that runs until it is told to end. */
function heldJob<T>(value: T) {
  let release!: () => void;
  const isStarted = { current: false };
  const gate = new Promise<void>((resolve) => (release = resolve));
  const run = async () => {
    isStarted.current = true;
    await gate;
    return value;
  };
  return { run, release, isStarted };
}

const immediately =
  <T>(log: T[], value: T) =>
  () => {
    log.push(value);
    return Promise.resolve(value);
  };

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "answered",
    (error: unknown) => (error as { code: string }).code,
  );
}

describe("DecodeQueue", () => {
  it("answers every click, in order", async () => {
    const queue = new DecodeQueue();
    const log: number[] = [];
    const answers = [1, 2, 3, 4].map((n) => queue.add("click", immediately(log, n)));
    expect(await Promise.all(answers)).toEqual([1, 2, 3, 4]);
    expect(log).toEqual([1, 2, 3, 4]);
  });

  it("runs one job at a time", async () => {
    const queue = new DecodeQueue();
    const first = heldJob(1);
    const second = heldJob(2);
    const answers = [queue.add("click", first.run), queue.add("click", second.run)];
    await Promise.resolve();
    expect(second.isStarted.current).toBe(false);
    first.release();
    second.release();
    expect(await Promise.all(answers)).toEqual([1, 2]);
  });

  it("keeps only the newest of the hovers that wait", async () => {
    const queue = new DecodeQueue();
    const log: number[] = [];
    const running = heldJob(0);
    const first = queue.add("hover", running.run);
    const codes = [1, 2, 3].map((n) => codeOf(queue.add("hover", immediately(log, n))));
    running.release();
    expect(await first).toBe(0);
    expect(await Promise.all(codes)).toEqual(["stale", "stale", "answered"]);
    expect(log).toEqual([3]);
  });

  it("lets a click make waiting and running hovers stale", async () => {
    const queue = new DecodeQueue();
    const log: string[] = [];
    const running = heldJob("hover");
    const hovers = [codeOf(queue.add("hover", running.run)), codeOf(queue.add("hover", immediately(log, "waiting")))];
    const click = queue.add("click", immediately(log, "click"));
    expect(await Promise.all(hovers)).toEqual(["stale", "stale"]);
    running.release();
    expect(await click).toBe("click");
    expect(log).toEqual(["click"]);
  });

  it("prefetches when nothing else waits", async () => {
    const queue = new DecodeQueue();
    const log: string[] = [];
    const running = heldJob("first");
    void queue.add("click", running.run);
    const rest = [queue.add("prefetch", immediately(log, "prefetch")), queue.add("hover", immediately(log, "hover"))];
    running.release();
    await Promise.all(rest);
    expect(log).toEqual(["hover", "prefetch"]);
  });

  it("withdraws a job whose signal is aborted, before or while it waits", async () => {
    const queue = new DecodeQueue();
    const log: string[] = [];
    const running = heldJob("first");
    void queue.add("click", running.run);
    const controller = new AbortController();
    const waiting = codeOf(queue.add("click", immediately(log, "waiting"), controller.signal));
    controller.abort();
    const late = codeOf(queue.add("hover", immediately(log, "late"), controller.signal));
    running.release();
    expect(await Promise.all([waiting, late])).toEqual(["aborted", "aborted"]);
    expect(log).toEqual([]);
  });

  it("goes on after a job that failed", async () => {
    const queue = new DecodeQueue();
    const failing = queue.add("click", () => Promise.reject(new Error("broken")));
    const next = queue.add("click", () => Promise.resolve("next"));
    await expect(failing).rejects.toThrow("broken");
    expect(await next).toBe("next");
  });

  it("rejects everything when it is cleared", async () => {
    const queue = new DecodeQueue();
    const running = heldJob(1);
    const codes = [
      codeOf(queue.add("click", running.run)),
      codeOf(queue.add("click", () => Promise.resolve(2))),
      codeOf(queue.add("hover", () => Promise.resolve(3))),
    ];
    queue.clear();
    running.release();
    expect(await Promise.all(codes)).toEqual(["closed", "closed", "closed"]);
  });
});

import { IDBFactory } from "fake-indexeddb";
import { describe, expect, it } from "vitest";

import { ApiError, type HttpClient } from "./http";
import { openJournal, type Journal } from "./journal";
import { Outbox, type OutboxEvents, type SaveStatus } from "./outbox";
import type { AnnotationRow, OperationResult, WireOperation } from "./wire";

/** A server with revisions and idempotent operations, which can be cut off before or after it has done its work. */
class FakeServer implements HttpClient {
  readonly revisions = new Map<string, number>();
  readonly seen = new Map<string, string>();
  readonly order: string[] = [];
  cut: "none" | "before" | "after" = "none";

  get = (): Promise<never> => Promise.reject(new ApiError(404, "none", "", null));
  getChanged = this.get;

  send = async <T>(_method: string, _path: string, body?: unknown): Promise<T> => {
    await Promise.resolve();
    const { cut } = this;
    if (cut === "before") throw new ApiError(0, "unreachable", "cut", null);
    const results = (body as { operations: WireOperation[] }).operations.map((operation) => this.apply(operation));
    if (cut === "after") throw new ApiError(0, "unreachable", "cut", null);
    if (results.every(({ status }) => status === "applied" || status === "duplicate")) return { results } as T;
    throw new ApiError(409, "conflict", "", { results });
  };

  private apply({ op_id, annotation_id: id, base_revision, fields }: WireOperation): OperationResult {
    const now = this.revisions.get(id) ?? 0;
    const done = (status: OperationResult["status"]): OperationResult => {
      const annotation = { id, revision: this.revisions.get(id) ?? 0 } as AnnotationRow;
      return { op_id, status, annotation, code: "", message: "" };
    };
    if (this.seen.has(op_id)) return done("duplicate");
    if (base_revision !== now) return done("conflict");
    this.seen.set(op_id, id);
    this.revisions.set(id, now + 1);
    this.order.push(`${id}:${String(fields.label_id)}`);
    return done("applied");
  }
}

class Bench {
  readonly statuses: SaveStatus[] = [];
  readonly conflicts: string[] = [];
  readonly lost: number[] = [];
  readonly retries: (() => void)[] = [];
  readonly outbox: Outbox;

  constructor(
    readonly server: FakeServer,
    readonly journal: Journal,
  ) {
    const events: OutboxEvents = {
      onStatus: (status) => void this.statuses.push(status),
      onApplied: () => undefined,
      onConflict: (mine) => {
        this.conflicts.push(mine[0].operation.annotation_id);
        this.lost.push(mine.length);
      },
      onRejected: () => undefined,
    };
    const clock = { setTimeout: (callback: () => void) => this.retries.push(callback) };
    this.outbox = new Outbox(7, server, journal, events, clock);
  }

  add(id: string, label: number): Promise<void> {
    return this.outbox.enqueue({
      type: label === 1 ? "create" : "update",
      annotation_id: id,
      fields: { label_id: label },
    });
  }

  /** Until nothing is waiting any more but what is parked. */
  async settled(parked = 0): Promise<void> {
    while (this.outbox.pendingCount > parked) await new Promise((resolve) => setImmediate(resolve));
  }

  async inConflict(): Promise<void> {
    while (this.statuses.at(-1) !== "conflict") await new Promise((resolve) => setImmediate(resolve));
  }

  async untilOffline(): Promise<void> {
    while (this.statuses.at(-1) !== "offline") await new Promise((resolve) => setImmediate(resolve));
  }
}

const openBench = async (server = new FakeServer(), factory = new IDBFactory()) =>
  new Bench(server, await openJournal(1, factory));

describe("the outbox", () => {
  it("sends in order, each on the revision of the one before", async () => {
    const bench = await openBench();
    await Promise.all([bench.add("a", 1), bench.add("a", 2), bench.add("b", 1), bench.add("a", 3)]);
    await bench.settled();
    expect(bench.server.order.filter((entry) => entry.startsWith("a"))).toEqual(["a:1", "a:2", "a:3"]);
    expect(bench.server.revisions.get("b")).toBe(1);
    expect(bench.conflicts).toEqual([]);
    expect(await bench.journal.read(7)).toEqual([]);
  });

  it.each(["before", "after"] as const)(
    "neither loses nor doubles anything when cut off %s the server's work",
    async (cut) => {
      const bench = await openBench();
      bench.server.cut = cut;
      await bench.add("a", 1);
      await bench.add("a", 2);
      await bench.untilOffline();
      expect(await bench.journal.read(7)).toHaveLength(2);
      bench.server.cut = "none";
      bench.retries.at(-1)?.();
      await bench.settled();
      expect(bench.server.order).toEqual(["a:1", "a:2"]);
      expect(bench.conflicts).toEqual([]);
    },
  );

  it.each(["before", "after"] as const)("takes up after a crash what was cut off %s the server's work", async (cut) => {
    const server = new FakeServer();
    const factory = new IDBFactory();
    const first = await openBench(server, factory);
    server.cut = cut;
    await first.add("a", 1);
    await first.add("a", 2);
    await first.untilOffline();
    first.outbox.close();
    server.cut = "none";
    const second = await openBench(server, factory);
    second.outbox.noteRevision("a", server.revisions.get("a") ?? 0);
    expect(await second.outbox.replay()).toHaveLength(2);
    await second.settled();
    expect(server.order).toEqual(["a:1", "a:2"]);
    expect(second.conflicts).toEqual([]);
  });

  it("does not write over what somebody else did meanwhile", async () => {
    const bench = await openBench();
    bench.outbox.noteRevision("a", 3);
    bench.server.revisions.set("a", 4);
    await bench.add("a", 2);
    await bench.inConflict();
    expect(bench.conflicts).toEqual(["a"]);
    expect(bench.server.revisions.get("a")).toBe(4);
  });

  it("parks what lost a race, with all that was made on top of it, until it is settled", async () => {
    const bench = await openBench();
    bench.outbox.noteRevision("a", 3);
    bench.server.revisions.set("a", 4);
    bench.server.cut = "before";
    await Promise.all([bench.add("a", 2), bench.add("a", 3)]);
    await bench.untilOffline();
    bench.server.cut = "none";
    bench.retries.at(-1)?.();
    await bench.inConflict();
    await bench.add("a", 4);
    await bench.add("b", 1);
    await bench.settled(3);
    expect(bench.lost[0]).toBe(2);
    expect(bench.server.revisions.get("a")).toBe(4);
    expect(await bench.journal.read(7)).toHaveLength(3);
    expect(bench.outbox.parkedCount).toBe(3);

    await bench.outbox.unpark("a", () => void bench.add("a", 9));
    await bench.settled();
    expect(bench.server.order).toEqual(["b:1", "a:9"]);
    expect(await bench.journal.read(7)).toEqual([]);
  });

  it("asks again after a reload about a race that nobody settled", async () => {
    const server = new FakeServer();
    const factory = new IDBFactory();
    const first = await openBench(server, factory);
    first.outbox.noteRevision("a", 3);
    server.revisions.set("a", 4);
    await Promise.all([first.add("a", 2), first.add("a", 3)]);
    await first.inConflict();
    first.outbox.close();
    const second = await openBench(server, factory);
    second.outbox.noteRevision("a", 4);
    expect(await second.outbox.replay()).toHaveLength(2);
    await second.inConflict();
    expect(second.conflicts).toEqual(["a"]);
    expect(server.revisions.get("a")).toBe(4);
  });

  it("has either what lost a race or what settled it after a tab died in between, never both", async () => {
    const server = new FakeServer();
    const factory = new IDBFactory();
    const first = await openBench(server, factory);
    first.outbox.noteRevision("a", 3);
    server.revisions.set("a", 4);
    await first.add("a", 2);
    await first.inConflict();
    server.cut = "before";
    first.journal.remove = () => new Promise(() => undefined);
    void first.outbox.unpark("a", () => void first.add("a", 9));
    await first.untilOffline();
    first.outbox.close();
    server.cut = "none";
    const second = await openBench(server, factory);
    second.outbox.noteRevision("a", 4);
    expect(await second.outbox.replay()).toHaveLength(1);
    await second.settled();
    expect(second.conflicts).toEqual([]);
    expect(server.order).toEqual(["a:9"]);
  });

  it("says what is going on", async () => {
    const bench = await openBench();
    await bench.add("a", 1);
    await bench.settled();
    await new Promise((resolve) => setImmediate(resolve));
    expect(bench.statuses[0]).toBe("saving");
    expect(bench.statuses.at(-1)).toBe("saved");
  });
});

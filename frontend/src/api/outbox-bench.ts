/** A server, and tabs of one browser, for tests of the outbox. */
import { IDBFactory } from "fake-indexeddb";

import { ApiError, type HttpClient } from "./http";
import { ImageOutbox } from "./image-outbox";
import { openJournal, type Journal, type JournalEntry } from "./journal";
import { Outbox } from "./outbox";
import type { SaveReport } from "./save-report";
import type { AnnotationRow, OperationResult, WireOperation } from "./wire";

const IMAGE = 7;

/** A server with revisions and idempotent operations, which can be cut off before or after it has done its work. */
export class FakeServer implements HttpClient {
  readonly revisions = new Map<string, number>();
  readonly seen = new Map<string, number>();
  readonly order: string[] = [];
  readonly batches: number[] = [];
  cut: "none" | "before" | "after" = "none";
  /** What it says to a whole request; null: nothing stands in the way. */
  refusal: (imageId: number, operations: readonly WireOperation[]) => ApiError | null = () => null;
  /** What it says to one operation; null: it is applied. */
  verdict: (operation: WireOperation) => OperationResult["status"] | null = () => null;

  get = (path: string): Promise<never> =>
    this.refusal(0, []) === null && path === "/me" ? Promise.resolve({} as never) : Promise.reject(down);
  getChanged = (): Promise<never> => Promise.reject(down);

  send = async <T>(_method: string, path: string, body?: unknown): Promise<T> => {
    await Promise.resolve();
    const { cut } = this;
    if (cut === "before") throw down;
    const { operations } = body as { operations: WireOperation[] };
    this.batches.push(operations.length);
    const refusal = this.refusal(Number(path.split("/")[2]), operations);
    if (refusal) throw refusal;
    const results = operations.map((operation) => this.apply(operation));
    if (cut === "after") throw down;
    if (results.every(({ status }) => status === "applied" || status === "duplicate")) return { results } as T;
    throw new ApiError(409, "conflict", "", { results });
  };

  private apply(operation: WireOperation): OperationResult {
    const { op_id, annotation_id: id, base_revision, fields } = operation;
    const now = this.revisions.get(id) ?? 0;
    const done = (status: OperationResult["status"], revision: number | null = null): OperationResult => {
      const annotation = { id, revision: this.revisions.get(id) ?? 0 } as AnnotationRow;
      return { op_id, status, revision, annotation, code: status, message: `It was ${status}.` };
    };
    const earlier = this.seen.get(op_id);
    if (earlier !== undefined) return done("duplicate", earlier);
    const verdict = this.verdict(operation);
    if (verdict) return done(verdict);
    if (base_revision !== now) return done("conflict");
    this.seen.set(op_id, now + 1);
    this.revisions.set(id, now + 1);
    this.order.push(`${id}:${String(fields.label_id)}`);
    return done("applied", now + 1);
  }
}

const down = new ApiError(0, "unreachable", "cut", null);
export const failing = (status: number, code = "server_error"): ApiError => new ApiError(status, code, "no", null);

/** One tab of a person's browser, with one image open. */
export class Tab {
  readonly reports: SaveReport[] = [];
  readonly conflicts: string[] = [];
  readonly lost: number[] = [];
  readonly foreign: JournalEntry[] = [];
  readonly dropped: string[] = [];
  readonly applied: string[] = [];
  readonly retries: (() => void)[] = [];
  isOverriding = false;
  changedElsewhere = 0;
  readonly outbox: Outbox;
  readonly image: ImageOutbox;

  constructor(
    readonly server: FakeServer,
    readonly journal: Journal,
    userId: number,
    imageId: number,
  ) {
    const onReport = (report: SaveReport) => void this.reports.push(report);
    const setTimeout = (callback: () => void) => this.retries.push(callback);
    this.outbox = new Outbox({ userId, http: server, journal, onReport, setTimeout });
    this.image = this.open(imageId);
  }

  open(imageId: number): ImageOutbox {
    return new ImageOutbox(imageId, this.outbox, {
      onApplied: (result) => void this.applied.push(result.op_id),
      onConflict: (mine) => {
        this.conflicts.push(mine[0].operation.annotation_id);
        this.lost.push(mine.length);
      },
      onForeign: (entries) => void this.foreign.push(...entries),
      onDropped: (id) => void this.dropped.push(id),
      onChangedElsewhere: () => {
        this.changedElsewhere++;
      },
      overrides: () => this.isOverriding,
    });
  }

  get report(): SaveReport {
    return this.outbox.report;
  }

  add(id: string, label: number, image = this.image): Promise<void> {
    const type = label === 1 ? "create" : "update";
    return image.enqueue({ type, annotation_id: id, fields: { label_id: label } });
  }

  /** Until the report says so. */
  async until(status: SaveReport["status"]): Promise<SaveReport> {
    while (this.report.status !== status) await new Promise((resolve) => setImmediate(resolve));
    return this.report;
  }

  /** The next try comes now. */
  retry(): void {
    this.retries.at(-1)?.();
  }

  close(): void {
    this.image.close();
    this.outbox.close();
  }
}

/** A browser's storage; every tab opened in it is of the person with `userId`, on the image with `imageId`. */
export class Browser {
  private readonly factory = new IDBFactory();
  private readonly tabs: Tab[] = [];
  private static people = 0;
  /** A person of the test's own: tabs of other tests must not hear this one's. */
  readonly userId = ++Browser.people;

  constructor(readonly server = new FakeServer()) {}

  async open(imageId = IMAGE, userId = this.userId): Promise<Tab> {
    const journal = await openJournal(userId, { findFactory: () => this.factory });
    const tab = new Tab(this.server, journal, userId, imageId);
    this.tabs.push(tab);
    await tab.outbox.start();
    return tab;
  }

  close(): void {
    for (const tab of this.tabs) tab.close();
  }
}

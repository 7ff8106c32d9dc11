/** What becomes of operations that the server refused, once the person has decided. */
import type { JournalEntry } from "../../api/journal";
import type { Outbox } from "../../api/outbox";
import { saveAsFile } from "../../platform/files";
import { entriesOfMask } from "./save-feed";

export type RefusedChoice = "retry" | "override" | "keep" | "drop";

export function settleRefused(outbox: Outbox, annotationId: string, choice: RefusedChoice): void {
  const entries = entriesOfMask(outbox, annotationId);
  if (choice === "retry") void outbox.release(entries);
  else if (choice === "override") void outbox.release(entries.map(overriding));
  else if (choice === "drop") void outbox.drop(entries);
  else saveAsFile(`maskwright-mask-${annotationId}.json`, asText(entries));
}

function overriding(entry: JournalEntry): JournalEntry {
  return { ...entry, operation: { ...entry.operation, override: true } };
}

/** The operations as the API takes them (`POST /images/{id}/operations`), with what was said to them. */
function asText(entries: readonly JournalEntry[]): string {
  const operations = entries.map(({ operation }) => operation);
  return JSON.stringify({ image_id: entries[0].imageId, refused: entries[0].held, operations }, null, 2);
}

/** When a page tries to send, besides after each operation; and that it asks before it closes with unsent work. */
import type { Outbox } from "./outbox";

/** Send when the network is back and when the person comes back to the tab; ask before closing. For every page. */
export function keepSending(outbox: Outbox): void {
  const flush = (): void => void outbox.flush();
  window.addEventListener("online", flush);
  window.addEventListener("focus", flush);
  window.addEventListener("pageshow", flush);
  window.addEventListener("beforeunload", (event) => {
    if (!outbox.isClosed && isAtRisk(outbox)) event.preventDefault();
  });
}

/** Work that is on its way. What waits for the person's decision is kept and need not be asked about at every step. */
function isAtRisk({ report }: Outbox): boolean {
  const waits = report.status === "saved" || report.status === "refused" || report.status === "conflict";
  return report.isKept ? !waits : report.operations > 0;
}

/** Until something has come to its end, and not longer than `ms`. */
export async function inTime(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  await Promise.race([work, new Promise((resolve) => (timer = setTimeout(resolve, ms)))]);
  clearTimeout(timer);
}

/** Says in one sentence that something failed which nobody foresaw, and what of the work is kept. */
import type { Notices } from "../state/notices";
import type { Stores } from "../state/stores";

const KEYS = ["fault.saved", "fault.kept", "fault.unkept"] as const;

/** Make what tells an uncaught error; `isKept`: what is not on the server yet survives this page. */
export function faultTeller(
  notices: Notices,
  save: Stores["save"],
  isKept: () => boolean,
  reload: () => void,
): (reason: string) => void {
  return (reason) => {
    const { pending } = save.get();
    const key = pending === 0 ? "fault.saved" : isKept() ? "fault.kept" : "fault.unkept";
    for (const earlier of KEYS) notices.clear(earlier);
    notices.tell("error", key, { reason, pending }, { key: "fault.reload", run: reload });
  };
}

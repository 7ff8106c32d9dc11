/** What there is for a tool to change, from the open image and the selection. */
import type { MaskDocument } from "../../model/document";
import type { Situation } from "../../model/edit-target";
import type { Stores } from "../state/stores";

export function situationOf(document: MaskDocument, { selection }: Pick<Stores, "selection">): Situation {
  return {
    draft: document.draft,
    selected: [...selection.get()].flatMap((id) => document.get(id) ?? []),
    find: (id) => document.get(id),
  };
}

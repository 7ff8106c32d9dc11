/** Labels: choose one for the next mask or for the selected ones, by click, key or search. */
import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import type { MaskRecord } from "../model/mask-record";
import { Section } from "./controls";
import { useStore, useSurroundings } from "./hooks";

/** From this many labels on, a search field is worth its room. */
const SEARCH_FROM = 8;

export function LabelList(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const masks = useStore(workspace.masks);
  const selection = useStore(workspace.selection);
  const selected = masks.filter(({ id }) => selection.has(id));
  const inHand = useStore(workspace.currentLabel);
  // What is selected shows the label that it has; several with different ones show none.
  const current = selected.length === 0 ? inHand : commonLabel(selected);
  const isSearchOpen = useStore(workspace.isLabelSearchOpen);
  const [search, setSearch] = useState("");
  const counts = useMemo(() => countLabels(masks), [masks]);
  const found = workspace.labels.filter(({ name }) =>
    name.toLocaleLowerCase().includes(search.trim().toLocaleLowerCase()),
  );
  const choose = (id: number): void => {
    workspace.applyLabel(id);
    workspace.isLabelSearchOpen.set(false);
    setSearch("");
  };
  const hasSearch = isSearchOpen || workspace.labels.length >= SEARCH_FROM;
  return (
    <Section
      title={t("labels.title")}
      class="labels"
      aside={<span class="count">{t(selected.length === 0 ? "labels.next" : "labels.selected")}</span>}
    >
      {hasSearch && (
        <SearchField
          value={search}
          isWanted={isSearchOpen}
          onInput={setSearch}
          onEnter={() => found[0] && choose(found[0].id)}
        />
      )}
      {workspace.labels.length === 0 && <p class="empty">{t("labels.empty")}</p>}
      {workspace.labels.length > 0 && found.length === 0 && <p class="empty">{t("labels.none")}</p>}
      <div class="label-buttons" role="group" aria-label={t("labels.title")}>
        {found.map((label) => (
          <button
            key={label.id}
            type="button"
            class="label"
            aria-pressed={current === label.id}
            aria-keyshortcuts={label.key || undefined}
            onClick={() => choose(label.id)}
          >
            <i class="swatch" style={{ background: label.color }} aria-hidden="true" />
            <span class="label-name">{label.name}</span>
            <span class="count">{counts.get(label.id) ?? ""}</span>
            {label.key && <kbd>{label.key}</kbd>}
          </button>
        ))}
      </div>
    </Section>
  );
}

function commonLabel(masks: readonly MaskRecord[]): number | null {
  const [{ labelId }] = masks;
  return masks.every((record) => record.labelId === labelId) ? labelId : null;
}

function SearchField(props: {
  readonly value: string;
  readonly isWanted: boolean;
  onInput(text: string): void;
  onEnter(): void;
}): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (props.isWanted) field.current?.focus();
  }, [props.isWanted]);
  return (
    <input
      ref={field}
      type="search"
      class="search"
      placeholder={translator.t("labels.search")}
      aria-label={translator.t("labels.search")}
      value={props.value}
      onInput={(event) => props.onInput(event.currentTarget.value)}
      onBlur={() => workspace.isLabelSearchOpen.set(false)}
      onKeyDown={(event) => {
        if (event.key === "Enter") props.onEnter();
        if (event.key === "Escape" || event.key === "Enter") event.currentTarget.blur();
      }}
    />
  );
}

function countLabels(
  masks: readonly { readonly labelId: number | null; readonly state: string }[],
): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { labelId, state } of masks) {
    if (labelId !== null && state === "accepted") counts.set(labelId, (counts.get(labelId) ?? 0) + 1);
  }
  return counts;
}

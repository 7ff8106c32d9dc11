/** The list of masks. Only the rows in sight exist, so thousands of masks cost no more than a dozen. */
import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import { cssColor } from "../model/colors";
import { scoreText, type LabelInfo, type MaskRecord } from "../model/mask-record";
import { IconButton, Section } from "./controls";
import { useStore, useSurroundings, useWording } from "./hooks";
import { MaskPicture } from "./mask-picture";
import { FILTERS, listedMasks, SORTS, type ListFilter, type ListSort } from "./list-order";

const ROW_PX = 44;
const SPARE_ROWS = 4;
const THUMB_PX = 36;

export function MaskList(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const masks = useStore(workspace.masks);
  const threshold = useStore(workspace.suggestions);
  const wording = useWording();
  const [filter, setFilter] = useState<ListFilter>("all");
  const [sort, setSort] = useState<ListSort>("top");
  const labels = useMemo(() => new Map(workspace.labels.map((label) => [label.id, label])), [workspace]);
  const listed = useMemo(
    () => listedMasks(masks, filter, sort, labels, threshold),
    [masks, filter, sort, labels, threshold],
  );
  return (
    <Section
      title={t("masks.title")}
      class="masks"
      aside={
        <>
          <span class="count">{translator.number(listed.length)}</span>
          <IconButton icon="trash" name={t("trash.title")} onPress={() => workspace.dialog.set("trash")} />
        </>
      }
    >
      <div class="list-tools">
        <select
          aria-label={t("masks.filter")}
          value={filter}
          onChange={(event) => setFilter(event.currentTarget.value as ListFilter)}
        >
          {FILTERS.map((id) => (
            <option key={id} value={id}>
              {t(`masks.filter.${id}`)}
            </option>
          ))}
          <optgroup label={t("masks.filter.label")}>
            {workspace.labels.map(({ id, name }) => (
              <option key={id} value={`label:${id}`}>
                {name}
              </option>
            ))}
          </optgroup>
        </select>
        <select
          aria-label={t("masks.sort")}
          value={sort}
          onChange={(event) => setSort(event.currentTarget.value as ListSort)}
        >
          {SORTS.map((id) => (
            <option key={id} value={id}>
              {t(`masks.sort.${id}`)}
            </option>
          ))}
        </select>
      </div>
      {listed.length === 0 ? (
        <p class="empty">{masks.length === 0 ? wording("masks.empty") : t("masks.none")}</p>
      ) : (
        <Rows masks={listed} labels={labels} />
      )}
    </Section>
  );
}

function Rows({
  masks,
  labels,
}: {
  readonly masks: readonly MaskRecord[];
  readonly labels: ReadonlyMap<number, LabelInfo>;
}): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const selection = useStore(workspace.selection);
  const scroller = useRef<HTMLDivElement>(null);
  const [range, setRange] = useState({ top: 0, height: 600 });
  useEffect(() => {
    const element = scroller.current;
    if (element) setRange({ top: element.scrollTop, height: element.clientHeight });
  }, [masks.length]);
  useEffect(() => scrollToSelected(scroller.current, masks, selection), [selection]);
  const first = Math.max(Math.floor(range.top / ROW_PX) - SPARE_ROWS, 0);
  const last = Math.min(Math.ceil((range.top + range.height) / ROW_PX) + SPARE_ROWS, masks.length);
  return (
    <div
      ref={scroller}
      class="rows"
      role="grid"
      tabIndex={0}
      aria-multiselectable="true"
      aria-rowcount={masks.length}
      aria-label={translator.t("masks.title")}
      aria-activedescendant={activeRow(masks, selection)}
      onScroll={(event) => setRange({ top: event.currentTarget.scrollTop, height: event.currentTarget.clientHeight })}
      onKeyDown={(event) => walkRows(event, masks, selection, (id) => workspace.select(id, "only"))}
      onMouseLeave={() => workspace.highlight(null)}
    >
      <div style={{ height: `${masks.length * ROW_PX}px` }} role="presentation">
        {masks.slice(first, last).map((record, i) => (
          <Row
            key={record.id}
            record={record}
            label={labels.get(record.labelId ?? -1)}
            top={(first + i) * ROW_PX}
            isSelected={selection.has(record.id)}
            place={first + i + 1}
          />
        ))}
      </div>
    </div>
  );
}

function Row(props: {
  readonly record: MaskRecord;
  readonly label: LabelInfo | undefined;
  readonly top: number;
  readonly isSelected: boolean;
  readonly place: number;
}): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const { record, label } = props;
  const name = label?.name ?? t("masks.unlabelled");
  const area = translator.number(record.area);
  const source = t(`source.${record.source}`);
  return (
    <div
      id={`mask-${record.id}`}
      class={`row ${record.state === "suggestion" ? "row-suggestion" : ""}`}
      role="row"
      aria-selected={props.isSelected}
      aria-rowindex={props.place}
      aria-label={t("masks.option", { label: name, area, source })}
      style={{ transform: `translateY(${props.top}px)` }}
      onClick={(event) =>
        workspace.select(record.id, event.shiftKey ? "range" : event.ctrlKey || event.metaKey ? "toggle" : "only")
      }
      onDblClick={() => workspace.perform("zoomToSelection")}
      onMouseEnter={() => workspace.highlight(record.id)}
    >
      <MaskPicture record={record} side={THUMB_PX} />
      <span class="row-text" role="gridcell">
        <b>
          <i class="dot" style={{ background: cssColor(workspace.colorOf(record)) }} aria-hidden="true" />
          {name}
        </b>
        <small>
          {t("masks.area", { area })}
          {record.predictedIou !== null
            ? ` · ${scoreText(record.predictedIou)}`
            : isEdited(record) && ` · ${t("masks.edited")}`}{" "}
          · {source}
        </small>
      </span>
      <span class={`row-actions ${record.isLocked ? "is-locked" : ""}`} role="gridcell">
        <IconButton
          icon={record.isLocked ? "lock" : "unlock"}
          name={record.isLocked ? t("masks.unlock") : t("masks.lock")}
          onPress={() => workspace.setLocked(record.id, !record.isLocked)}
        />
        <IconButton
          icon="trash"
          name={t("masks.delete")}
          isDisabled={record.isLocked}
          onPress={() => workspace.deleteMask(record.id)}
        />
      </span>
    </div>
  );
}

function isEdited({ provenance }: MaskRecord): boolean {
  return (provenance.edits?.length ?? 0) > 0;
}

function activeRow(masks: readonly MaskRecord[], selection: ReadonlySet<string>): string | undefined {
  const last = [...selection].at(-1);
  return last !== undefined && masks.some(({ id }) => id === last) ? `mask-${last}` : undefined;
}

function scrollToSelected(
  element: HTMLDivElement | null,
  masks: readonly MaskRecord[],
  selection: ReadonlySet<string>,
): void {
  const last = [...selection].at(-1);
  const at = masks.findIndex(({ id }) => id === last);
  if (!element || at < 0) return;
  const top = at * ROW_PX;
  if (top < element.scrollTop) element.scrollTop = top;
  else if (top + ROW_PX > element.scrollTop + element.clientHeight)
    element.scrollTop = top + ROW_PX - element.clientHeight;
}

/** Up and down walk the rows as they are listed, Home and End go to the ends. */
function walkRows(
  event: KeyboardEvent,
  masks: readonly MaskRecord[],
  selection: ReadonlySet<string>,
  select: (id: string) => void,
): void {
  const last = masks.length - 1;
  const at = masks.findIndex(({ id }) => id === [...selection].at(-1));
  const to = { ArrowDown: Math.min(at + 1, last), ArrowUp: Math.max(at - 1, 0), Home: 0, End: last }[event.key];
  if (to === undefined || last < 0) return;
  event.preventDefault();
  event.stopPropagation();
  select(masks[to].id);
}

/** The sign in the hint line that says which mask the tool in hand changes; a press brings it into view. */
import type { JSX } from "preact";

import type { BoxXyxy } from "../geometry/types";
import { visibleBox, type Viewport } from "../geometry/viewport";
import { cssColor, type Rgb } from "../model/colors";
import { toolTarget, type EditTarget } from "../model/edit-target";
import type { MaskRecord } from "../model/mask-record";
import { useStore, useSurroundings } from "./hooks";

/** What the tool in hand changes, as the panels see it. */
export function useEditTarget(): EditTarget | null {
  const { workspace } = useSurroundings();
  const masks = useStore(workspace.masks);
  const selection = useStore(workspace.selection);
  const draft = useStore(workspace.draft);
  const tool = useStore(workspace.tool);
  const { lassoMode } = useStore(workspace.brush);
  const selected = masks.filter(({ id }) => selection.has(id));
  return toolTarget({ draft, selected, find: (id) => masks.find((one) => one.id === id) }, tool, lassoMode);
}

export function EditTargetSign(): JSX.Element | null {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const target = useEditTarget();
  const current = useStore(workspace.currentLabel);
  const made = useMade();
  const isNaming = useStore(workspace.settings).labelKeyNames === "made";
  if (target === null) return null;
  if (target.kind === "none") return <span class="target target-none">{t(`target.none.${target.why}`)}</span>;
  if (target.kind === "new" && made && isNaming) return <MaskSign record={made} name="target.made" />;
  if (target.kind === "mask") return <MaskSign record={target.record} name="target.mask" />;
  if (target.kind === "draft" && target.record) return <MaskSign record={target.record} name="target.refining" />;
  const label = workspace.labels.find(({ id }) => id === current);
  const name = t(target.kind === "new" ? "target.new" : "target.draft", {
    label: label?.name ?? t("masks.unlabelled"),
  });
  return <Sign color={workspace.colorOf({ id: "", labelId: current })} text={name} />;
}

function useMade(): MaskRecord | undefined {
  const { workspace } = useSurroundings();
  const id = useStore(workspace.justMade);
  return useStore(workspace.masks).find((record) => record.id === id);
}

/** A saved mask by its label; outside of what is seen it is a button that shows it. */
function MaskSign(props: {
  readonly record: MaskRecord;
  readonly name: "target.made" | "target.mask" | "target.refining";
}): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const view = useStore(workspace.view);
  const { record } = props;
  const label = workspace.labels.find(({ id }) => id === record.labelId)?.name ?? t("masks.unlabelled");
  const text = t(props.name, { label });
  const color = workspace.colorOf(record);
  if (isInSight(record.bounds, view)) return <Sign color={color} text={text} />;
  return (
    <button type="button" class="target-away" onClick={() => workspace.showMask(record.id)}>
      <Sign color={color} text={t("target.away", { target: text })} />
    </button>
  );
}

function isInSight(box: BoxXyxy, view: Viewport): boolean {
  const seen = visibleBox(view);
  return box.x0 < seen.x1 && box.x1 > seen.x0 && box.y0 < seen.y1 && box.y1 > seen.y0;
}

function Sign({ color, text }: { readonly color: Rgb; readonly text: string }): JSX.Element {
  return (
    <span class="target">
      <i class="dot" style={{ background: cssColor(color) }} aria-hidden="true" />
      {text}
    </span>
  );
}

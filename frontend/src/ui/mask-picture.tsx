/** A small picture of a mask in its surroundings. */
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

import type { MaskRecord } from "../model/mask-record";
import { useStore, useSurroundings } from "./hooks";

export function MaskPicture(props: {
  readonly record: MaskRecord;
  /** Side of the square in CSS pixels. */
  readonly side: number;
  readonly class?: string;
}): JSX.Element {
  const { workspace } = useSurroundings();
  const canvas = useRef<HTMLCanvasElement>(null);
  const settings = useStore(workspace.settings);
  const image = useStore(workspace.image);
  const { record, side } = props;
  useEffect(() => {
    if (canvas.current) workspace.thumbnail(canvas.current, record);
  }, [record.mask, record.bounds, record.labelId, settings.colorBy, image]);
  return (
    <canvas ref={canvas} class={`thumb ${props.class ?? ""}`} width={side * 2} height={side * 2} aria-hidden="true" />
  );
}

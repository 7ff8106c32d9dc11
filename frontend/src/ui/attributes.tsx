/** The questions that a label asks about its masks. */
import type { JSX } from "preact";

import type { AttributeSpec, AttributeValue, MaskRecord } from "../model/mask-record";
import { Switch } from "./controls";
import { useSurroundings } from "./hooks";

/** One form for all selected masks of a label; what they answer differently is shown empty. */
export function AttributeFields({ records }: { readonly records: readonly MaskRecord[] }): JSX.Element | null {
  const { workspace, translator } = useSurroundings();
  const label = workspace.labels.find(({ id }) => id === records[0].labelId);
  const isOneLabel = records.every(({ labelId }) => labelId === label?.id);
  if (!label || !isOneLabel || label.attributes.length === 0) return null;
  const ids = records.map(({ id }) => id);
  return (
    <fieldset class="attributes" disabled={records.some(({ isLocked }) => isLocked)}>
      <legend>{translator.t("attributes.title")}</legend>
      {label.attributes.map((spec) => (
        <Field
          key={spec.name}
          spec={spec}
          value={commonValue(records, spec.name)}
          onChange={(value) => workspace.setAttribute(ids, spec.name, value)}
        />
      ))}
    </fieldset>
  );
}

function commonValue(records: readonly MaskRecord[], name: string): AttributeValue {
  const first = records[0].attributes[name] ?? null;
  return records.every(({ attributes }) => (attributes[name] ?? null) === first) ? first : null;
}

interface FieldProps {
  readonly spec: AttributeSpec;
  readonly value: AttributeValue;
  readonly onChange: (value: AttributeValue) => void;
}

function Field({ spec, value, onChange }: FieldProps): JSX.Element {
  if (spec.kind === "flag") return <Switch name={spec.name} isOn={value === true} onChange={onChange} />;
  return (
    <label class="field">
      <span>
        {spec.name}
        {spec.is_required && (
          <b class="required" aria-hidden="true">
            {" *"}
          </b>
        )}
      </span>
      {spec.kind === "choice" ? (
        <Choice spec={spec} value={value} onChange={onChange} />
      ) : (
        <Entry spec={spec} value={value} onChange={onChange} />
      )}
    </label>
  );
}

function Choice({ spec, value, onChange }: FieldProps): JSX.Element {
  const { translator } = useSurroundings();
  return (
    <select
      value={String(value ?? "")}
      aria-required={spec.is_required}
      onChange={(event) => onChange(event.currentTarget.value || null)}
    >
      <option value="">{translator.t("attributes.none")}</option>
      {(spec.choices ?? []).map((choice) => (
        <option key={choice} value={choice}>
          {choice}
        </option>
      ))}
    </select>
  );
}

function Entry({ spec, value, onChange }: FieldProps): JSX.Element {
  const isNumber = spec.kind === "number";
  const read = (text: string): AttributeValue => {
    if (text === "") return null;
    return isNumber ? Number(text) : text;
  };
  return (
    <input
      type={isNumber ? "number" : "text"}
      step="any"
      aria-required={spec.is_required}
      value={String(value ?? "")}
      onChange={(event) => onChange(read(event.currentTarget.value))}
    />
  );
}

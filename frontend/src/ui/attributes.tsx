/** The questions that a label asks about its masks. */
import type { JSX } from "preact";

import type { AttributeSpec, AttributeValue, MaskRecord } from "../model/mask-record";
import { Switch } from "./controls";
import { useSurroundings } from "./hooks";

export function AttributeFields({ record }: { readonly record: MaskRecord }): JSX.Element | null {
  const { workspace, translator } = useSurroundings();
  const label = workspace.labels.find(({ id }) => id === record.labelId);
  if (!label || label.attributes.length === 0) return null;
  return (
    <fieldset class="attributes" disabled={record.isLocked}>
      <legend>{translator.t("attributes.title")}</legend>
      {label.attributes.map((spec) => (
        <Field
          key={spec.name}
          spec={spec}
          value={record.attributes[spec.name] ?? null}
          onChange={(value) => workspace.setAttribute(record.id, spec.name, value)}
        />
      ))}
    </fieldset>
  );
}

interface FieldProps {
  readonly spec: AttributeSpec;
  readonly value: AttributeValue;
  readonly onChange: (value: AttributeValue) => void;
}

function Field({ spec, value, onChange }: FieldProps): JSX.Element {
  if (spec.type === "flag") return <Switch name={spec.name} isOn={value === true} onChange={onChange} />;
  return (
    <label class="field">
      <span>{spec.name}</span>
      {spec.type === "choice" ? (
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
    <select value={String(value ?? "")} onChange={(event) => onChange(event.currentTarget.value || null)}>
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
  const isNumber = spec.type === "number";
  const read = (text: string): AttributeValue => {
    if (text === "") return null;
    return isNumber ? Number(text) : text;
  };
  return (
    <input
      type={isNumber ? "number" : "text"}
      value={String(value ?? "")}
      onChange={(event) => onChange(read(event.currentTarget.value))}
    />
  );
}

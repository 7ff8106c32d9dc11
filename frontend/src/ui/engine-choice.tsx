/** Which engine decodes, how fast it is here, and the choice of another one. */
import type { JSX } from "preact";

import type { EngineTrialInfo, LatencyFigures } from "../model/workspace";
import { hasSharedMemory, hasWebGpu } from "../platform/abilities";
import { useStore, useSurroundings } from "./hooks";

const ENGINES = ["webgpu", "wasm-threads", "wasm", "server"] as const;

/** Whether this browser could run an engine at all. */
function isOffered(engine: (typeof ENGINES)[number]): boolean {
  if (engine === "webgpu") return hasWebGpu();
  return engine !== "wasm-threads" || hasSharedMemory();
}

export function EngineChoice(): JSX.Element {
  const { workspace, translator } = useSurroundings();
  const { t } = translator;
  const status = useStore(workspace.engine);
  const figures = (values: LatencyFigures | null) =>
    values
      ? t("engine.figures", { p50: Math.round(values.p50Ms), p95: Math.round(values.p95Ms) })
      : t("engine.figures.none");
  return (
    <div class="engine-choice">
      <dl>
        <dt>{t("engine.clickToPaint")}</dt>
        <dd>{figures(status.clickToPaint)}</dd>
        <dt>{t("engine.decode")}</dt>
        <dd>{figures(status.decode)}</dd>
      </dl>
      <fieldset>
        <legend>{t("engine.choose")}</legend>
        <Option id={null} name={t("engine.automatic")} note={t("engine.automatic.note", { engine: status.name })} />
        {ENGINES.filter(isOffered).map((engine) => (
          <Option
            key={engine}
            id={engine}
            name={translator.dynamic(`engine.name.${engine}`)}
            note={noteOf(status.trials.find((trial) => trial.engine === engine))}
          />
        ))}
      </fieldset>
    </div>
  );

  function noteOf(trial: EngineTrialInfo | undefined): string {
    if (!trial) return t("engine.trial.none");
    if (!trial.isCorrect) return t("engine.trial.wrong");
    const ms = Math.round(trial.medianMs);
    return t(trial.isAccelerated ? "engine.trial.accelerated" : "engine.trial", { ms });
  }
}

function Option(props: { readonly id: string | null; readonly name: string; readonly note: string }): JSX.Element {
  const { workspace } = useSurroundings();
  const { override } = useStore(workspace.engine);
  return (
    <label>
      <input
        type="radio"
        name="engine"
        checked={override === props.id}
        onChange={() => workspace.useEngine(props.id)}
      />
      <span>
        {props.name}
        <small>{props.note}</small>
      </span>
    </label>
  );
}

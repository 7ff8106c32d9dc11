/** Keeps a failing panel from taking the others with it. */
import { Component, type ComponentChildren } from "preact";

import { raise } from "../platform/faults";
import { useSurroundings } from "./hooks";

interface Props {
  readonly children: ComponentChildren;
}

export class Boundary extends Component<Props, { readonly hasFailed: boolean }> {
  override state = { hasFailed: false };

  static override getDerivedStateFromError(): { hasFailed: boolean } {
    return { hasFailed: true };
  }

  override componentDidCatch(error: unknown): void {
    raise(error);
  }

  render() {
    if (!this.state.hasFailed) return this.props.children;
    return <Failed retry={() => this.setState({ hasFailed: false })} />;
  }
}

function Failed({ retry }: { readonly retry: () => void }) {
  const { t } = useSurroundings().translator;
  return (
    <div class="panel-failed" role="alert">
      <p>{t("panel.failed")}</p>
      <button type="button" class="button" onClick={retry}>
        {t("action.retry")}
      </button>
    </div>
  );
}

/** What the server's page tells the workspace at its start (docs/contracts.md, section 4). */
import type { LabelInfo } from "../../model/mask-record";
import type { WorkspaceConfig } from "../../wire/openapi";

export type { Preferences, WorkspaceConfig } from "../../wire/openapi";

/** What becomes of pixels that a new mask shares with others. */
export type OverlapRule = NonNullable<WorkspaceConfig["project"]["settings"]["overlap"]>;

export function readConfig(text: string): WorkspaceConfig {
  return JSON.parse(text) as WorkspaceConfig;
}

export function labelsOf(config: WorkspaceConfig): LabelInfo[] {
  return [...config.labels].sort((a, b) => a.position - b.position || a.id - b.id);
}

/** What the server's page tells the workspace at its start (docs/contracts.md, section 4). */
import type { AttributeSpec, LabelInfo } from "../model/mask-record";
import type { OverlapRule } from "./mask-commands";

export interface WorkspaceConfig {
  readonly api: string;
  readonly project_id: number;
  readonly image_id: number;
  readonly user: { readonly id: number; readonly username?: string; readonly name?: string };
  readonly role: "admin" | "reviewer" | "annotator";
  readonly labels: readonly (Omit<LabelInfo, "attributes"> & { readonly attributes?: readonly AttributeSpec[] })[];
  readonly project: {
    readonly name: string;
    readonly stage: string;
    readonly settings: { readonly overlap?: OverlapRule; readonly hides_hints?: boolean };
    readonly guidelines: string;
  };
  readonly model: { readonly version: string | null; readonly manifest_url: string | null };
  readonly csrf: string;
  readonly ws_url: string;
  readonly preferences: Preferences;
}

export interface Preferences {
  readonly locale?: string;
  readonly shortcuts?: Partial<Record<string, readonly string[]>>;
  readonly is_left_handed?: boolean;
  readonly view?: Record<string, unknown>;
}

export function readConfig(text: string): WorkspaceConfig {
  return JSON.parse(text) as WorkspaceConfig;
}

export function labelsOf(config: WorkspaceConfig): LabelInfo[] {
  const labels = config.labels.map((label) => ({ ...label, attributes: label.attributes ?? [] }));
  return labels.sort((a, b) => a.position - b.position || a.id - b.id);
}

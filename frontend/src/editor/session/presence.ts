/** Says that the image is open here, and who else has it open. A lost call costs half a minute, nothing more. */
import type { WorkspaceApi } from "../../api/workspace-api";
import type { Stores } from "../state/stores";

export const VISIT_EVERY_MS = 30_000;

export class Presence {
  private imageId: number | null = null;

  constructor(
    private readonly api: Pick<WorkspaceApi, "visit" | "endVisit">,
    private readonly stores: Pick<Stores, "image" | "people">,
  ) {}

  /** Follow the open image until the returned function is called. */
  start(): () => void {
    const timer = setInterval(() => void this.visit(), VISIT_EVERY_MS);
    const stop = this.stores.image.subscribe(() => this.follow());
    this.follow();
    return () => {
      clearInterval(timer);
      stop();
      this.leave();
    };
  }

  /** Somebody has come or gone, or it is time to say so again. */
  async visit(): Promise<void> {
    const asked = this.imageId;
    if (asked === null) return;
    try {
      const { people } = await this.api.visit(asked);
      if (asked === this.imageId) this.stores.people.set(people.map(({ name }) => name));
    } catch {
      // Without an answer nobody knows who is there; what was true a moment ago may not be.
      if (asked === this.imageId) this.stores.people.set([]);
    }
  }

  private follow(): void {
    const id = this.stores.image.get()?.id ?? null;
    if (id === this.imageId) return;
    this.leave();
    this.imageId = id;
    void this.visit();
  }

  private leave(): void {
    if (this.imageId !== null) void this.api.endVisit(this.imageId).catch(() => undefined); // the visit runs out
    this.imageId = null;
    this.stores.people.set([]);
  }
}

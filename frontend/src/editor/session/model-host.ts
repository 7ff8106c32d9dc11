/**
 * Keeps the decoder on the model that made the open image's embedding. While a newly chosen model is still embedding
 * the project's images, one image may need the old model and the next one the new.
 *
 * Knows nothing of images; opening is queued by the decoder, so what is asked afterwards is answered by the new model.
 */

export interface ModelHostPorts<Info> {
  open(manifestUrl: string): Promise<Info>;
  onOpening(): void;
  onOpened(info: Info): void;
  onFailed(error: unknown): void;
}

export class ModelHost<Info> {
  private wanted: string | null = null;

  constructor(
    private readonly api: string,
    private readonly ports: ModelHostPorts<Info>,
  ) {}

  /** Open a version unless it is open or being opened; resolves when it is there or has failed. */
  async use(version: string): Promise<void> {
    if (version === this.wanted) return;
    this.wanted = version;
    this.ports.onOpening();
    try {
      const info = await this.ports.open(`${this.api}/models/${version}/manifest.json`);
      if (this.wanted === version) this.ports.onOpened(info);
    } catch (error) {
      if (this.wanted !== version) return;
      this.wanted = null; // the next image may try again
      this.ports.onFailed(error);
    }
  }
}

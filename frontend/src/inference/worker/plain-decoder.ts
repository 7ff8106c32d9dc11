/** A model's plain graphs, on WebAssembly or the graphics card. */
import type { GraphName } from "../protocol/manifest";
import type { DecodedPrompt, DecoderBackend, Feeds, PreparedImage } from "./decoder-backend";
import type { GraphBytes } from "./model-files";
import { floatsOf, OrtSessions, type OrtLibrary, type Provider, type Tensors } from "./ort-sessions";

class PlainImage implements PreparedImage {
  constructor(
    readonly tensors: Tensors,
    readonly bytes: number,
  ) {}

  release(): void {
    for (const tensor of Object.values(this.tensors)) tensor.dispose();
  }
}

export class PlainDecoder implements DecoderBackend<PlainImage> {
  readonly isAccelerated = false;

  private constructor(
    private readonly sessions: OrtSessions<GraphName>,
    readonly threads: number,
  ) {}

  /** Open what a first click needs. */
  static async open(
    library: OrtLibrary,
    files: GraphBytes<GraphName>,
    provider: Provider,
    threads: number,
  ): Promise<PlainDecoder> {
    const sessions = new OrtSessions(library, files, provider);
    await sessions.open("first");
    return new PlainDecoder(sessions, threads);
  }

  prepare(embedding: Feeds): Promise<PlainImage> {
    const bytes = Object.values(embedding).reduce((sum, { data }) => sum + data.byteLength, 0);
    return Promise.resolve(new PlainImage(this.sessions.tensorsOf(embedding), bytes));
  }

  async decode(image: PlainImage, prompt: Feeds): Promise<DecodedPrompt> {
    const { sessions } = this;
    const graph = "mask_input" in prompt ? "refine" : "first";
    const answer = await sessions.run(graph, { ...image.tensors, ...sessions.tensorsOf(prompt) });
    return { logits: floatsOf(answer.low_res_logits), predictedIou: floatsOf(answer.predicted_iou) };
  }

  async complete(): Promise<void> {
    await this.sessions.open("refine");
    this.sessions.forgetFiles();
  }
}

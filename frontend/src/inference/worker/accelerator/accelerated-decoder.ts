/** A model's accelerator: `prepare` makes an image's terms, `first` or `refine` reads them, the kernel up-scales. */
import type { AcceleratorPart } from "../../protocol/manifest";
import type { DecodedPrompt, DecoderBackend, Feeds, PreparedImage } from "../decoder-backend";
import type { GraphBytes } from "../model-files";
import { floatsOf, OrtSessions, type OrtLibrary, type Tensors } from "../ort-sessions";
import type { UpscaleKernel } from "./upscale-kernel";

type GraphName = keyof AcceleratorPart["graphs"];

class AcceleratedImage implements PreparedImage {
  constructor(
    readonly terms: Tensors,
    /** The term that the kernel reads. */
    readonly base: Float32Array,
    readonly bytes: number,
  ) {}

  release(): void {
    for (const term of Object.values(this.terms)) term.dispose();
  }
}

export class AcceleratedDecoder implements DecoderBackend<AcceleratedImage> {
  readonly isAccelerated = true;

  private constructor(
    private readonly sessions: OrtSessions<GraphName>,
    private readonly kernel: UpscaleKernel,
    readonly threads: number,
  ) {}

  /** Open what a first click needs. */
  static async open(
    library: OrtLibrary,
    files: GraphBytes<GraphName>,
    kernel: UpscaleKernel,
    threads: number,
  ): Promise<AcceleratedDecoder> {
    const sessions = new OrtSessions(library, files, "wasm");
    await sessions.open("prepare");
    await sessions.open("first");
    return new AcceleratedDecoder(sessions, kernel, threads);
  }

  async prepare(embedding: Feeds): Promise<AcceleratedImage> {
    const { sessions } = this;
    const [features] = Object.values(embedding); // a model that the accelerator fits has one tensor
    const { up, ...terms } = await sessions.run("prepare", sessions.tensorsOf({ embedding: features }));
    const base = floatsOf(up);
    const bytes = Object.values(terms).reduce((sum, term) => sum + floatsOf(term).byteLength, base.byteLength);
    return new AcceleratedImage(terms, base, bytes);
  }

  async decode({ terms, base }: AcceleratedImage, prompt: Feeds): Promise<DecodedPrompt> {
    const { sessions } = this;
    const graph = "mask_input" in prompt ? "refine" : "first";
    const answer = await sessions.run(graph, { ...terms, ...sessions.tensorsOf(prompt) });
    const parts = {
      rows: floatsOf(answer.rows),
      baseScale: floatsOf(answer.base_scale),
      scale: floatsOf(answer.scale),
      coefficients: floatsOf(answer.coefficients),
      hyper: floatsOf(answer.hyper),
    };
    return { logits: this.kernel.upscale({ ...parts, base }), predictedIou: floatsOf(answer.predicted_iou) };
  }

  async complete(): Promise<void> {
    await this.sessions.open("refine");
    this.sessions.forgetFiles();
  }
}

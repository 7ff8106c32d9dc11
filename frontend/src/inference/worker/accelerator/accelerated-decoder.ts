/** A model's accelerator: `prepare` makes an image's terms, `first` or `refine` reads them, the kernel up-scales. */
import type { AcceleratorPart } from "../../protocol/manifest";
import type { DecodedPrompt, DecoderBackend, Feeds, PreparedImage } from "../decoder-backend";
import type { GraphBytes } from "../model-files";
import { floatsOf, OrtSessions, type OrtLibrary, type Tensors } from "../ort-sessions";
import { steadySingleMask, type StableSingle } from "./single-mask";
import type { UpscaleInputs, UpscaleKernel } from "./upscale-kernel";

type GraphName = keyof AcceleratorPart["graphs"];

class AcceleratedImage implements PreparedImage {
  constructor(
    readonly terms: Tensors,
    /** The terms that the kernel reads. */
    readonly kernelTerms: Pick<UpscaleInputs, "base" | "finer" | "finest">,
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
    private readonly stableSingle: StableSingle | undefined,
  ) {}

  /** Open what a first click needs. */
  static async open(
    library: OrtLibrary,
    files: GraphBytes<GraphName>,
    kernel: UpscaleKernel,
    threads: number,
    stableSingle?: StableSingle,
  ): Promise<AcceleratedDecoder> {
    const sessions = new OrtSessions(library, files, "wasm");
    await sessions.open("prepare");
    await sessions.open("first");
    return new AcceleratedDecoder(sessions, kernel, threads, stableSingle);
  }

  async prepare(embedding: Feeds): Promise<AcceleratedImage> {
    const { sessions } = this;
    const [first, ...others] = Object.values(embedding);
    const given = others.length ? embedding : { embedding: first };
    const prepared = await sessions.run("prepare", sessions.tensorsOf(given));
    const { up, finer, finest, ...terms } = prepared;
    const added = "finer" in prepared && { finer: floatsOf(finer), finest: floatsOf(finest) };
    const kernelTerms = { base: floatsOf(up), ...added };
    const arrays = [...Object.values(terms).map(floatsOf), ...Object.values(kernelTerms)];
    return new AcceleratedImage(
      terms,
      kernelTerms,
      arrays.reduce((sum, array) => sum + array.byteLength, 0),
    );
  }

  async decode({ terms, kernelTerms }: AcceleratedImage, prompt: Feeds): Promise<DecodedPrompt> {
    const { sessions, stableSingle } = this;
    const graph = "mask_input" in prompt ? "refine" : "first";
    const answer = await sessions.run(graph, { ...terms, ...sessions.tensorsOf(prompt) });
    const logits = this.kernel.upscale({
      rows: floatsOf(answer.rows),
      baseScale: floatsOf(answer.base_scale),
      scale: floatsOf(answer.scale),
      coefficients: floatsOf(answer.coefficients),
      hyper: floatsOf(answer.hyper),
      ...kernelTerms,
    });
    const predictedIou = floatsOf(answer.predicted_iou);
    if (stableSingle) steadySingleMask(logits, predictedIou, stableSingle);
    return { logits, predictedIou };
  }

  async complete(): Promise<void> {
    await this.sessions.open("refine");
    this.sessions.forgetFiles();
  }
}

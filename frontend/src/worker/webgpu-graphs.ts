/** Graphs on the graphics card, through onnxruntime-web's own interface. */
import type { InferenceSession, Tensor, TypedTensor } from "onnxruntime-web";
import type * as WebGpuBuild from "onnxruntime-web/webgpu";

import type { Feed, Graph, GraphFiles, GraphRuntime, Value, Values } from "../inference/graph-runtime";

type Library = typeof WebGpuBuild;

export class WebGpuGraphs implements GraphRuntime {
  readonly threads = 1;
  readonly canUpscale = false;

  constructor(private readonly library: Library) {}

  async open({ graph, weightsName, weights }: GraphFiles): Promise<Graph> {
    const session = await this.library.InferenceSession.create(graph, {
      executionProviders: ["webgpu"],
      graphOptimizationLevel: "all",
      externalData: [{ path: weightsName, data: weights }],
    });
    return new WebGpuGraph(this.library, session);
  }

  openUpscaler(): never {
    throw new Error("There is no kernel for the graphics card.");
  }
}

class WebGpuGraph implements Graph {
  constructor(
    private readonly library: Library,
    private readonly session: InferenceSession,
  ) {}

  async run(feeds: Readonly<Record<string, Feed>>, values: Values = {}): Promise<Values> {
    const inputs: Record<string, Tensor> = {};
    for (const [name, value] of Object.entries(values)) if (value instanceof TensorValue) inputs[name] = value.tensor;
    for (const [name, { type, data, dims }] of Object.entries(feeds)) {
      inputs[name] = new this.library.Tensor(type, data as never, [...dims]);
    }
    const outputs = await this.session.run(inputs);
    return Object.fromEntries(
      Object.entries(outputs).map(([name, tensor]) => [name, new TensorValue(tensor as TypedTensor<"float32">)]),
    );
  }
}

class TensorValue implements Value {
  readonly bytes: number;

  constructor(readonly tensor: TypedTensor<"float32">) {
    this.bytes = tensor.data.byteLength;
  }

  floats(): Float32Array<ArrayBuffer> {
    return Float32Array.from(this.tensor.data);
  }

  release(): void {
    this.tensor.dispose();
  }
}

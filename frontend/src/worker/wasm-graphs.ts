/**
 * Graphs on ONNX Runtime's WebAssembly build through its C interface: what one run computes stays in the heap and is an
 * input of the next one as it is.
 *
 * onnxruntime-web's own interface copies every input into the heap at every run, and the terms of an image are 8 to 28 MB
 * (docs/adr/0015). Knows nothing of models. The interface is that of the pinned version; the golden case of every model
 * checks at the start that it answers.
 */
import type {
  Feed,
  Graph,
  GraphFiles,
  GraphRuntime,
  Upscaler,
  UpscalingFiles,
  Value,
  Values,
} from "../inference/graph-runtime";
import { UpscaleKernel, type HelperStart } from "./upscale-kernel";

/** The part of the Emscripten module that is used. Pointers and handles are numbers; 0 is none. */
export interface OrtModule {
  readonly HEAPU8: Uint8Array;
  readonly PTR_SIZE: number;
  _malloc(bytes: number): number;
  _free(pointer: number): void;
  stackSave(): number;
  stackAlloc(bytes: number): number;
  stackRestore(stack: number): void;
  getValue(pointer: number, type: "i32" | "*"): number;
  setValue(pointer: number, value: number, type: "i32" | "*"): void;
  UTF8ToString(pointer: number): string;
  mountExternalData(name: string, data: Uint8Array): void;
  unmountExternalData(): void;
  _OrtInit(threads: number, logLevel: number): number;
  _OrtGetLastError(code: number, message: number): number;
  _OrtCreateSessionOptions(
    optimization: number,
    arena: boolean,
    pattern: boolean,
    mode: number,
    profile: boolean,
    ...rest: number[]
  ): number;
  _OrtReleaseSessionOptions(options: number): number;
  _OrtAddSessionConfigEntry(options: number, key: number, value: number): number;
  _OrtCreateSession(data: number, bytes: number, options: number): number | Promise<number>;
  _OrtGetInputOutputCount(session: number, inputs: number, outputs: number): number;
  _OrtGetInputOutputMetadata(session: number, index: number, name: number, metadata: number): number;
  _OrtFree(pointer: number): number;
  _OrtCreateTensor(type: number, data: number, bytes: number, dims: number, rank: number, location: number): number;
  _OrtGetTensorData(tensor: number, type: number, data: number, dims: number, rank: number): number;
  _OrtReleaseTensor(tensor: number): number;
  _OrtCreateRunOptions(logLevel: number, verbosity: number, terminate: boolean, tag: number): number;
  _OrtReleaseRunOptions(options: number): number;
  _OrtRun(session: number, ...run: number[]): number | Promise<number>;
}

/** The script that makes the module, as onnxruntime-web ships it. The hook is Emscripten's own. */
export type OrtModuleFactory = (settings: {
  numThreads: number;
  instantiateWasm(
    imports: WebAssembly.Imports,
    receive: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
  ): void;
}) => Promise<OrtModule>;

/** What the runtime starts from. */
export interface RuntimeParts {
  readonly create: OrtModuleFactory;
  readonly threads: number;
  instantiate(imports: WebAssembly.Imports): Promise<WebAssembly.WebAssemblyInstantiatedSource>;
  /** The up-scaling's kernel, null for none, and how to begin a thread that helps with it. */
  readonly kernel: WebAssembly.Module | null;
  startHelper(start: HelperStart): void;
}

const LOG_WARNINGS = 2;
const ALL_OPTIMIZATIONS = 99;
const SEQUENTIAL = 0;
const ON_CPU = 1;
const TENSOR_TYPES = { float32: 1, int32: 6, float16: 10 } as const;
const FLOAT_BYTES = 4;
const NUM_MASKS = 4;
/** Or the pool's threads would spin for milliseconds after each run, on the cores that the up-scaling is computed on. */
const SPIN_ONLY_WHILE_RUNNING = ["session.force_spinning_stop", "1"];

/** A name of an input or output, as text and in the heap, where the runtime wants it. */
interface Name {
  readonly text: string;
  readonly pointer: number;
}

export class WasmGraphs implements GraphRuntime {
  private constructor(
    private readonly module: OrtModule,
    readonly threads: number,
    private readonly kernel: UpscaleKernel | null,
  ) {}

  get canUpscale(): boolean {
    return this.kernel !== null;
  }

  /** Start the runtime with its thread pool; once per worker. */
  static async start(parts: RuntimeParts): Promise<WasmGraphs> {
    const { threads, kernel } = parts;
    let memory: WebAssembly.Memory | undefined;
    const module = await new Promise<OrtModule>((resolve, reject) => {
      const instantiateWasm: Parameters<OrtModuleFactory>[0]["instantiateWasm"] = (imports, receive) => {
        memory = memoryAmong(imports);
        parts.instantiate(imports).then(({ instance, module }) => receive(instance, module), reject);
      };
      parts.create({ numThreads: threads, instantiateWasm }).then(resolve, reject);
    });
    if (module.PTR_SIZE !== 4) throw new Error("The runtime's heap is not one of 32 bits.");
    check(module, module._OrtInit(threads, LOG_WARNINGS), "The runtime did not start");
    if (!kernel || !memory) return new WasmGraphs(module, threads, null);
    const heap = {
      memory,
      malloc: (bytes: number) => room(module, bytes),
      free: (pointer: number) => module._free(pointer),
    };
    return new WasmGraphs(
      module,
      threads,
      new UpscaleKernel(kernel, heap, threads, (start) => parts.startHelper(start)),
    );
  }

  openUpscaler(files: UpscalingFiles): Upscaler {
    if (!this.kernel) throw new Error("There is no kernel for the up-scaling here.");
    return new WasmUpscaler(this.module, this.kernel, files);
  }

  async open({ graph, weightsName, weights }: GraphFiles): Promise<Graph> {
    const { module } = this;
    const options = module._OrtCreateSessionOptions(
      ALL_OPTIMIZATIONS,
      false,
      false,
      SEQUENTIAL,
      false,
      ...[0, 0, LOG_WARNINGS, 0, 0], // no profile file, no log name, log level, verbosity, no optimised file
    );
    const data = copyIn(module, graph);
    const [key, value] = SPIN_ONLY_WHILE_RUNNING.map((text) => copyIn(module, new TextEncoder().encode(`${text}\0`)));
    try {
      check(module, module._OrtAddSessionConfigEntry(options, key, value), "The graph could not be set up");
      module.mountExternalData(weightsName, weights);
      const session = await module._OrtCreateSession(data, graph.byteLength, options);
      if (session === 0) fail(module, "The graph could not be opened");
      return new WasmGraph(module, session);
    } finally {
      module.unmountExternalData();
      for (const pointer of [data, key, value]) module._free(pointer);
      module._OrtReleaseSessionOptions(options);
    }
  }
}

class WasmGraph implements Graph {
  private readonly inputs: readonly Name[];
  private readonly outputs: readonly Name[];

  constructor(
    private readonly module: OrtModule,
    private readonly session: number,
  ) {
    const [inputs, outputs] = onStack(module, 2, (pair) => {
      check(module, module._OrtGetInputOutputCount(session, pair, pair + 4), "The graph's inputs could not be read");
      return [module.getValue(pair, "i32"), module.getValue(pair + 4, "i32")];
    });
    const names = Array.from({ length: inputs + outputs }, (_, index) => nameOf(module, session, index));
    [this.inputs, this.outputs] = [names.slice(0, inputs), names.slice(inputs)];
  }

  async run(feeds: Readonly<Record<string, Feed>>, values: Values = {}): Promise<Values> {
    const { module } = this;
    const fed: WasmValue[] = [];
    try {
      const handles = this.inputs.map(({ text }) => {
        if (!(text in feeds)) return inHeap(text, values).handle;
        const value = WasmValue.of(module, feeds[text]);
        fed.push(value);
        return value.handle;
      });
      return await this.runOn(handles);
    } finally {
      for (const value of fed) value.release();
    }
  }

  private async runOn(handles: readonly number[]): Promise<Values> {
    const { module, session, inputs, outputs } = this;
    const options = module._OrtCreateRunOptions(LOG_WARNINGS, 0, false, 0);
    // Not on the stack: the run may be awaited, and the stack is everybody's.
    const table = module._malloc(8 * (inputs.length + outputs.length));
    const [inputNames, inputValues] = [table, table + 4 * inputs.length];
    const outputNames = table + 8 * inputs.length;
    const outputValues = outputNames + 4 * outputs.length;
    try {
      writePointers(
        module,
        inputNames,
        inputs.map(({ pointer }) => pointer),
      );
      writePointers(module, inputValues, handles);
      writePointers(
        module,
        outputNames,
        outputs.map(({ pointer }) => pointer),
      );
      writePointers(
        module,
        outputValues,
        outputs.map(() => 0),
      );
      const [n, m] = [inputs.length, outputs.length];
      const code = await module._OrtRun(session, inputNames, inputValues, n, outputNames, m, outputValues, options);
      check(module, code, "The graph could not be run");
      return Object.fromEntries(
        outputs.map(({ text }, i) => [text, WasmValue.from(module, module.getValue(outputValues + 4 * i, "*"))]),
      );
    } finally {
      module._free(table);
      module._OrtReleaseRunOptions(options);
    }
  }
}

class WasmUpscaler implements Upscaler {
  private readonly weights: number;
  private readonly output: number;
  private readonly length: number;

  constructor(
    private readonly module: OrtModule,
    private readonly kernel: UpscaleKernel,
    private readonly files: UpscalingFiles,
  ) {
    this.length = NUM_MASKS * (4 * files.grid) ** 2;
    this.weights = copyIn(module, files.weights);
    this.output = room(module, FLOAT_BYTES * this.length);
  }

  logits(answer: Values, terms: Values): Float32Array<ArrayBuffer> {
    const { channels, grid, eps } = this.files;
    const coefficients = inHeap("coefficients", answer);
    this.kernel.run({
      grid,
      channels,
      eps,
      rowCount: coefficients.bytes / FLOAT_BYTES / channels,
      rows: inHeap("rows", answer).pointer,
      baseScale: inHeap("base_scale", answer).pointer,
      scale: inHeap("scale", answer).pointer,
      base: inHeap("up", terms).pointer,
      coefficients: coefficients.pointer,
      hyper: inHeap("hyper", answer).pointer,
      weights: this.weights,
      logits: this.output,
    });
    return copyOut(this.module, this.output, this.length);
  }
}

class WasmValue implements Value {
  private constructor(
    private readonly module: OrtModule,
    readonly handle: number,
    readonly bytes: number,
    readonly pointer: number,
    private readonly isOwner: boolean,
  ) {}

  /** Copy numbers into the heap. */
  static of(module: OrtModule, { type, data, dims }: Feed): WasmValue {
    const pointer = copyIn(module, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    const handle = onStack(module, dims.length, (shape) => {
      dims.forEach((length, i) => module.setValue(shape + 4 * i, length, "i32"));
      return module._OrtCreateTensor(TENSOR_TYPES[type], pointer, data.byteLength, shape, dims.length, ON_CPU);
    });
    if (handle === 0) {
      module._free(pointer);
      fail(module, "An input could not be made");
    }
    return new WasmValue(module, handle, data.byteLength, pointer, true);
  }

  /** Take over what a run gave. */
  static from(module: OrtModule, handle: number): WasmValue {
    return onStack(module, 4, (parts) => {
      const code = module._OrtGetTensorData(handle, parts, parts + 4, parts + 8, parts + 12);
      check(module, code, "An output could not be read");
      const dims = module.getValue(parts + 8, "*");
      let length = 1;
      for (let i = 0; i < module.getValue(parts + 12, "i32"); i++) length *= module.getValue(dims + 4 * i, "i32");
      module._OrtFree(dims);
      return new WasmValue(module, handle, FLOAT_BYTES * length, module.getValue(parts + 4, "*"), false);
    });
  }

  floats(): Float32Array<ArrayBuffer> {
    return copyOut(this.module, this.pointer, this.bytes / FLOAT_BYTES);
  }

  release(): void {
    check(this.module, this.module._OrtReleaseTensor(this.handle), "A tensor could not be released");
    if (this.isOwner) this.module._free(this.pointer);
  }
}

/** The heap as it is now: reading a value makes the module notice that another thread has grown it. */
function heap(module: OrtModule): Uint8Array {
  module.getValue(0, "i32");
  return module.HEAPU8;
}

/** The memory that the runtime has made for itself and all of its threads. */
function memoryAmong(imports: WebAssembly.Imports): WebAssembly.Memory | undefined {
  const all = Object.values(imports).flatMap((room) => Object.values(room));
  return all.find((one) => one instanceof WebAssembly.Memory);
}

function inHeap(name: string, values: Values): WasmValue {
  const value: Value | undefined = values[name];
  if (!(value instanceof WasmValue)) throw new Error(`The value ${name} is missing.`);
  return value;
}

function room(module: OrtModule, bytes: number): number {
  const pointer = module._malloc(bytes);
  if (pointer === 0) throw new RangeError("The runtime's heap is out of memory.");
  return pointer;
}

function copyIn(module: OrtModule, bytes: Uint8Array): number {
  const pointer = room(module, bytes.byteLength);
  heap(module).set(bytes, pointer);
  return pointer;
}

function copyOut(module: OrtModule, pointer: number, length: number): Float32Array<ArrayBuffer> {
  const copy = new Float32Array(length);
  copy.set(new Float32Array(heap(module).buffer, pointer, length));
  return copy;
}

/** Run `use` with so many words of the module's stack. */
function onStack<T>(module: OrtModule, words: number, use: (pointer: number) => T): T {
  const stack = module.stackSave();
  try {
    return use(module.stackAlloc(4 * words));
  } finally {
    module.stackRestore(stack);
  }
}

function nameOf(module: OrtModule, session: number, index: number): Name {
  return onStack(module, 2, (pair) => {
    const code = module._OrtGetInputOutputMetadata(session, index, pair, pair + 4);
    check(module, code, "The graph's inputs could not be read");
    module._OrtFree(module.getValue(pair + 4, "*"));
    const pointer = module.getValue(pair, "*");
    return { text: module.UTF8ToString(pointer), pointer };
  });
}

function writePointers(module: OrtModule, to: number, pointers: readonly number[]): void {
  pointers.forEach((pointer, i) => module.setValue(to + 4 * i, pointer, "*"));
}

function check(module: OrtModule, code: number, what: string): void {
  if (code !== 0) fail(module, what);
}

function fail(module: OrtModule, what: string): never {
  const message = onStack(module, 2, (pair) => {
    module._OrtGetLastError(pair, pair + 4);
    const text = module.getValue(pair + 4, "*");
    return text === 0 ? "no reason given" : module.UTF8ToString(text);
  });
  throw new Error(`${what}: ${message}`);
}

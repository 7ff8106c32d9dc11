/**
 * Runs kernels/upscale.ts, with helper threads where it may have more than one, in a memory of its own.
 *
 * Knows where things lie, not what they mean. A job's fields are written in the order in which the kernel declares them.
 */
import { instanceOf, sharedMemory } from "../../../platform/wasm";

/** Sizes of a model's up-scaling; weights as sam_core/onnx/accelerator/upscaling.py writes them. */
export interface Upscaling {
  readonly channels: number;
  readonly grid: number;
  readonly eps: number;
  readonly weights: Uint8Array;
}

/** What a decode graph leaves for the up-scaling, and the image's base; shapes stand in the kernel. */
export interface UpscaleInputs {
  readonly rows: Float32Array;
  readonly baseScale: Float32Array;
  readonly scale: Float32Array;
  readonly base: Float32Array;
  /** SAM 2.1's finer features. */
  readonly finer?: Float32Array;
  readonly finest?: Float32Array;
  readonly coefficients: Float32Array;
  readonly hyper: Float32Array;
}

/** What a helper needs to serve. */
export interface HelperStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly job: number;
  readonly thread: number;
}

interface KernelExports {
  scratchBytes(channels: number, rowCount: number): number;
  run(job: number): void;
  settle(job: number): void;
  serve(job: number, thread: number): void;
}

interface Room {
  readonly pointer: number;
  readonly bytes: number;
}

const FIELDS = 22;
const FLOAT_BYTES = 4;
const NUM_MASKS = 4;
const ALIGNMENT = 64;
const PAGE_BYTES = 2 ** 16;
const MOST_PAGES = 2 ** 12; // 256 MB; a job of the full decoder takes 20, one of SAM 2.1 takes 32

export class UpscaleKernel {
  private readonly memory = sharedMemory(MOST_PAGES);
  private readonly kernel: KernelExports;
  private readonly rooms = new Map<string, Room>();
  private readonly job: number;
  private top = ALIGNMENT;
  /** The base that lies in the memory: the same for all prompts of an image. */
  private base: Float32Array | null = null;

  /** `startHelper` begins a thread that calls serveUpscaling; none are needed for a right answer. */
  constructor(
    module: WebAssembly.Module,
    private readonly upscaling: Upscaling,
    private readonly threads: number,
    startHelper: (start: HelperStart) => void,
  ) {
    this.kernel = instantiate(module, this.memory);
    this.job = this.roomFor("job", FIELDS * FLOAT_BYTES);
    const { weights } = upscaling;
    new Uint8Array(this.memory.buffer, this.roomFor("weights", weights.byteLength)).set(weights);
    for (let thread = 1; thread < threads; thread++) {
      startHelper({ module, memory: this.memory, job: this.job, thread });
    }
  }

  /** Compute the logits (4 x 4 grid x 4 grid). */
  upscale(inputs: UpscaleInputs): Float32Array<ArrayBuffer> {
    this.kernel.settle(this.job);
    const { channels, grid } = this.upscaling;
    const length = NUM_MASKS * (4 * grid) ** 2;
    const logits = this.roomFor("logits", FLOAT_BYTES * length);
    this.writeJob(inputs, inputs.coefficients.length / channels, logits);
    this.kernel.run(this.job);
    return new Float32Array(this.memory.buffer, logits, length).slice();
  }

  private writeJob(inputs: UpscaleInputs, rowCount: number, logits: number): void {
    const { channels, grid, eps } = this.upscaling;
    const { rows, baseScale, scale, coefficients, hyper } = inputs;
    const image = this.placeImage(inputs);
    const parts = [this.put("rows", rows), this.put("baseScale", baseScale), this.put("scale", scale), ...image];
    const shares = this.rooms.get("weights")!.pointer;
    const bias1 = shares + FLOAT_BYTES * (channels / 4);
    const bias2 = bias1 + FLOAT_BYTES * (channels / 4);
    const weight2 = bias2 + FLOAT_BYTES * (channels / 2);
    const scratchBytes = this.kernel.scratchBytes(channels, rowCount);
    const scratch = this.roomFor("scratch", scratchBytes * this.threads);
    const products = [this.put("coefficients", coefficients), this.put("hyper", hyper)];
    const words = new Uint32Array(this.memory.buffer, this.job, FIELDS);
    words.set([grid, channels, rowCount]);
    new Float32Array(this.memory.buffer, this.job, FIELDS)[3] = eps;
    words.set([...parts, ...products, shares, bias1, bias2, weight2, logits, scratch, scratchBytes], 4);
  }

  /** Where base, finer and finest lie, 0 for what a model does not have; copied when another image is asked about. */
  private placeImage({ base, finer, finest }: UpscaleInputs): number[] {
    const isThere = this.base === base;
    this.base = base;
    return Object.entries({ base, finer, finest }).map(([name, data]) => {
      if (!data) return 0;
      return isThere ? this.rooms.get(name)!.pointer : this.put(name, data);
    });
  }

  private put(name: string, data: Float32Array): number {
    const pointer = this.roomFor(name, data.byteLength);
    new Float32Array(this.memory.buffer, pointer, data.length).set(data);
    return pointer;
  }

  /** Where something of that name and size may lie; what is outgrown stays unused. */
  private roomFor(name: string, bytes: number): number {
    const room = this.rooms.get(name);
    if (room && room.bytes >= bytes) return room.pointer;
    const grown = { pointer: this.top, bytes: Math.ceil((bytes * (room ? 2 : 1)) / ALIGNMENT) * ALIGNMENT };
    this.top += grown.bytes;
    const missing = this.top - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / PAGE_BYTES));
    this.rooms.set(name, grown);
    return grown.pointer;
  }
}

/** Serve jobs as a helper thread; never returns. */
export function serveUpscaling({ module, memory, job, thread }: HelperStart): never {
  instantiate(module, memory).serve(job, thread);
  throw new Error("The kernel has let a helper go.");
}

function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): KernelExports {
  return instanceOf(module, { env: { memory } }).exports as unknown as KernelExports;
}

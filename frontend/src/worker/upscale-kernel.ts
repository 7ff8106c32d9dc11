/**
 * Runs kernels/upscale.ts in the memory of ONNX Runtime, with helper threads where it has more than one.
 *
 * Knows where things lie, not what they mean. A job's fields are written in the order in which the kernel declares them.
 */

/** A memory with room to be had; pointers are numbers. */
export interface Heap {
  readonly memory: WebAssembly.Memory;
  malloc(bytes: number): number;
  free(pointer: number): void;
}

/** Where the parts of one job lie, each float32; the shapes stand in the kernel. */
export interface UpscaleJob {
  readonly grid: number;
  readonly channels: number;
  readonly rowCount: number;
  readonly eps: number;
  readonly rows: number;
  readonly baseScale: number;
  readonly scale: number;
  readonly base: number;
  readonly coefficients: number;
  readonly hyper: number;
  readonly weights: number;
  readonly logits: number;
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

const FIELDS = 20;
const FLOAT_BYTES = 4;
const ROOM_STEP = 2 ** 16;

export class UpscaleKernel {
  private readonly kernel: KernelExports;
  private readonly job: number;
  private scratch = { pointer: 0, bytes: 0 };

  /** `startHelper` begins a thread that calls serveUpscaling; none are needed for a right answer. */
  constructor(
    module: WebAssembly.Module,
    private readonly heap: Heap,
    private readonly threads: number,
    startHelper: (start: HelperStart) => void,
  ) {
    this.kernel = instantiate(module, heap.memory);
    this.job = heap.malloc(FIELDS * FLOAT_BYTES);
    this.words().fill(0);
    for (let thread = 1; thread < threads; thread++) {
      startHelper({ module, memory: heap.memory, job: this.job, thread });
    }
  }

  run(job: UpscaleJob): void {
    this.kernel.settle(this.job);
    const bytes = this.kernel.scratchBytes(job.channels, job.rowCount);
    const { channels } = job;
    const bias1 = job.weights + FLOAT_BYTES * (channels / 4);
    const bias2 = bias1 + FLOAT_BYTES * (channels / 4);
    const weight2 = bias2 + FLOAT_BYTES * (channels / 2);
    const scratch = this.room(bytes * this.threads);
    const words = this.words();
    words.set([job.grid, channels, job.rowCount]);
    new Float32Array(words.buffer, words.byteOffset)[3] = job.eps;
    words.set([job.rows, job.baseScale, job.scale, job.base, job.coefficients, job.hyper], 4);
    words.set([job.weights, bias1, bias2, weight2, job.logits, scratch, bytes], 10);
    this.kernel.run(this.job);
  }

  private room(bytes: number): number {
    if (bytes > this.scratch.bytes) {
      this.heap.free(this.scratch.pointer);
      const whole = Math.ceil(bytes / ROOM_STEP) * ROOM_STEP;
      this.scratch = { pointer: this.heap.malloc(whole), bytes: whole };
    }
    return this.scratch.pointer;
  }

  private words(): Uint32Array {
    return new Uint32Array(this.heap.memory.buffer, this.job, FIELDS);
  }
}

/** A helper's life; never returns. */
export function serveUpscaling({ module, memory, job, thread }: HelperStart): never {
  instantiate(module, memory).serve(job, thread);
  throw new Error("The kernel has let a helper go.");
}

function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): KernelExports {
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as KernelExports;
}

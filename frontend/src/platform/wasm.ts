/** WebAssembly, where the browser and the page's policy allow it. Each function throws or rejects where they do not. */

/** Whether the browser knows every instruction of a binary. */
export function isKnown(binary: ArrayBuffer): boolean {
  return WebAssembly.validate(binary);
}

export function compile(binary: ArrayBuffer): Promise<WebAssembly.Module> {
  return WebAssembly.compile(binary);
}

export function instanceOf(module: WebAssembly.Module, imports: WebAssembly.Imports): WebAssembly.Instance {
  return new WebAssembly.Instance(module, imports);
}

/** A memory for several threads that may grow to so many pages of 64 KiB. */
export function sharedMemory(mostPages: number): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: 1, maximum: mostPages, shared: true });
}

/** Of WebAssembly's interface what the vector index uses: TypeScript has it among the browser's only, and a program on Node.js has no others of those. */
declare namespace WebAssembly {
  class Memory {
    constructor(descriptor: { initial: number; maximum: number });
    readonly buffer: ArrayBuffer;
    /** By pages of 64 KiB; `buffer` is another one from then on. Raises RangeError where there is no room. */
    grow(pages: number): number;
  }
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    constructor(module: Module, imports: Record<string, Record<string, Memory>>);
    readonly exports: Readonly<Record<string, Memory | ((...args: number[]) => number)>>;
  }
}

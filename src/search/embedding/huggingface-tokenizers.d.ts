/**
 * What is used of the package. Its own declarations import one another without file extensions, which a compiler that resolves
 * modules as Node does cannot follow.
 */
declare module '@huggingface/tokenizers' {
  export class Tokenizer {
    /** The parsed `tokenizer.json` and `tokenizer_config.json`; the second may be empty. */
    constructor(tokenizer: object, config: object);
    encode(text: string): { ids: number[] };
  }
}

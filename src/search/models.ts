import { AkoshaError } from '../contract/index.js';
import { EMBEDDING_MODEL } from '../memory/index.js';
import { openEmbedder, type Embedder } from './embedding/index.js';

export interface ModelsOptions {
  /** The folder of a model's files; undefined where there is none. Nothing is downloaded. */
  directoryOf: (model: string) => Promise<string | undefined>;
  /** Called with the milliseconds that loading a model took. */
  onLoad?: (model: string, milliseconds: number) => void;
}

/** The models of a running server by name, each on a thread of its own, shared by queries and stored texts. */
export class Models {
  readonly #options: ModelsOptions;
  readonly #opening = new Map<string, Promise<Embedder>>();
  #closed = false;

  constructor(options: ModelsOptions) {
    this.#options = options;
  }

  /**
   * Loaded by its first text. Raises `ModelUnavailable` where its files are not there; they are looked for again with the next call.
   */
  get(model: string): Promise<Embedder> {
    if (this.#closed) return Promise.reject(new AkoshaError('Cancelled', 'the models are closed'));
    const known = this.#opening.get(model);
    if (known !== undefined) return known;
    const opening = this.#open(model);
    this.#opening.set(model, opening);
    opening.catch(() => this.#opening.delete(model));
    return opening;
  }

  /** Ends the threads of all models but these, and frees the memory that they take. What is under way with another is given up. */
  async keepOnly(names: readonly string[]): Promise<void> {
    const others = [...this.#opening.keys()].filter((name) => !names.includes(name));
    await Promise.all(others.map((name) => this.#end(name)));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.keepOnly([]);
  }

  async #open(model: string): Promise<Embedder> {
    const directory = await this.#options.directoryOf(model);
    if (directory === undefined) throw new AkoshaError('ModelUnavailable', missing(model));
    const { onLoad } = this.#options;
    return openEmbedder({
      model,
      directory,
      ...(onLoad === undefined ? {} : { onLoad: (ms: number) => onLoad(model, ms) }),
    });
  }

  async #end(model: string): Promise<void> {
    const opening = this.#opening.get(model);
    this.#opening.delete(model);
    const embedder = await opening?.catch(() => undefined);
    await embedder?.close();
  }
}

function missing(model: string): string {
  return model === EMBEDDING_MODEL
    ? 'the embedding model is not installed: run `npm run setup`, or name its folder in AKOSHA_MODEL_DIR'
    : `the embedding model ${model} is not here: put its model.onnx and tokenizer.json in a folder ${model} of the one that AKOSHA_MODELS_DIR names`;
}

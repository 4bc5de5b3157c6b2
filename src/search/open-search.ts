import { AkoshaError } from '../contract/index.js';
import type { MemoryStore } from '../store/index.js';
import { openEmbedder, type Embedder } from './embedding/index.js';
import { search, type SearchAnswer } from './query.js';
import type { SearchRequest } from './request.js';

export interface SearchOptions {
  store: MemoryStore;
  timeoutMs: number;
  /** Off: search goes by words alone, and the model is not looked for. */
  embeddings: 'on' | 'off';
  /** The model's folder; undefined where none is installed. */
  modelDirectory: string | undefined;
  /** Called with the milliseconds that loading the model took. */
  onModelLoad?: (milliseconds: number) => void;
}

/** The search of a running server. */
export interface Search {
  search(request: SearchRequest, signal?: AbortSignal): Promise<SearchAnswer>;
  close(): Promise<void>;
}

/** Nothing is loaded yet: the first query opens the model, and where it is not to be had the next one looks again. */
export function openSearch(options: SearchOptions): Search {
  const model = new LazyEmbedder(options);
  const context = {
    store: options.store,
    timeoutMs: options.timeoutMs,
    embedder: options.embeddings === 'off' ? undefined : model,
  };
  return {
    search: (request, signal) => search(context, request, signal),
    close: () => model.close(),
  };
}

class LazyEmbedder implements Pick<Embedder, 'embedQuery'> {
  private opening: Promise<Embedder> | undefined;
  private closed = false;

  constructor(private readonly options: Pick<SearchOptions, 'modelDirectory' | 'onModelLoad'>) {}

  async embedQuery(text: string, signal?: AbortSignal): Promise<Float32Array> {
    return (await this.open()).embedQuery(text, signal);
  }

  private open(): Promise<Embedder> {
    this.opening ??= this.tryOpen().catch((error: unknown) => {
      this.opening = undefined;
      throw error;
    });
    return this.opening;
  }

  async close(): Promise<void> {
    this.closed = true;
    const opened = await this.opening?.catch(() => undefined);
    await opened?.close();
  }

  private async tryOpen(): Promise<Embedder> {
    const { modelDirectory, onModelLoad } = this.options;
    if (this.closed) throw new AkoshaError('Cancelled', 'the search is closed');
    if (modelDirectory === undefined)
      throw new AkoshaError(
        'ModelUnavailable',
        'the embedding model is not installed: run `npm run setup`, or name its folder in AKOSHA_MODEL_DIR',
      );
    return openEmbedder({
      directory: modelDirectory,
      ...(onModelLoad === undefined ? {} : { onLoad: onModelLoad }),
    });
  }
}

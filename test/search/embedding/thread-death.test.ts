import { afterEach, expect, it } from 'vitest';
import { EMBEDDING_MODEL as MODEL } from '../../../src/memory/index.js';
import { QueuedEmbedder } from '../../../src/search/embedding/embedder.js';
import { modelFiles } from '../../../src/search/embedding/model-files.js';
import { EmbeddingThread } from '../../../src/search/embedding/thread.js';
import { modelDirectory } from './support.js';

/** A thread that dies over its first texts: the fault is injected, the death is real. */
const DYING = new URL('./fixtures/dying-thread.mjs', import.meta.url);

let embedder: QueuedEmbedder | undefined;
afterEach(() => embedder?.close());

/** The first `deaths` threads die, later ones are the program's own. */
async function embedderWith(deaths: number): Promise<{ embedder: QueuedEmbedder; starts: () => number }> {
  const files = await modelFiles(MODEL, await modelDirectory());
  let started = 0;
  const start = (): EmbeddingThread => {
    started++;
    return started <= deaths ? new EmbeddingThread(MODEL, files, DYING) : new EmbeddingThread(MODEL, files);
  };
  embedder = new QueuedEmbedder(MODEL, start);
  return { embedder, starts: () => started };
}

it('a thread that dies is replaced, and the text is embedded all the same', async () => {
  const { embedder, starts } = await embedderWith(1);
  const [first, second] = await Promise.all([embedder.embed(['a', 'b']), embedder.embedQuery('c')]);
  expect(first).toHaveLength(2);
  expect(second).toHaveLength(384);
  expect(starts()).toBe(2);
});

it('a text over which two threads die is refused, and the next one is served', async () => {
  const { embedder, starts } = await embedderWith(2);
  const refused = embedder.embed(['deadly']);
  const served = embedder.embed(['harmless']);
  await expect(refused).rejects.toMatchObject({ type: 'ModelUnavailable' });
  await expect(refused).rejects.toThrow(/died twice.*code 7/);
  expect(await served).toHaveLength(1);
  expect(starts()).toBe(3);
});

it('closing while a thread dies ends the request', async () => {
  const { embedder } = await embedderWith(10);
  const given = embedder.embed(['a']);
  const refused = expect(given).rejects.toMatchObject({ type: 'Cancelled' });
  await embedder.close();
  await refused;
});

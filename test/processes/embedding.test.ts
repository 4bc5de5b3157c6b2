import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { EMBEDDING_MODEL } from '../../src/memory/index.js';
import { openEmbedding, type Embedding } from '../../src/processes/embedding.js';
import { modelDirectory } from '../../src/processes/model-directory.js';
import { Models, openSearch } from '../../src/search/index.js';
import { createLog, createMetrics, renderMetrics } from '../../src/telemetry/index.js';
import { temporaryFolder } from '../reader/support.js';
import { modelDirectory as installedModel } from '../search/embedding/support.js';
import { AGE, openTestStore, type TestStore } from '../search/support.js';

const OTHER = 'second-model';
const THIRD = 'third-model';
const MEMORIES = [
  ['kitten', 'The kitten sleeps'],
  ['invoice', 'Our invoices are late'],
].map(([id = '', content = '']) => ({ id, content, daysOld: AGE.hot }));

/** A server's embedding over a store of its own, and a folder in which the installed model has two more names. */
async function opened() {
  const test = await openTestStore();
  onTestFinished(() => test.close());
  const modelsDir = await temporaryFolder();
  for (const name of [OTHER, THIRD]) await symlink(await installedModel(), join(modelsDir, name));
  await mkdir(join(modelsDir, 'empty'));
  const metrics = createMetrics();
  const restart = (): { embedding: Embedding; models: Models } => {
    const models = new Models({
      directoryOf: (model) => modelDirectory({ modelDir: undefined, modelsDir }, model),
    });
    onTestFinished(() => models.close());
    const log = createLog({ level: 'silent', format: 'json' });
    return { models, embedding: openEmbedding({ store: test.store, models }, { log, metrics }) };
  };
  return { test, metrics, restart };
}

/** Runs it until `done`. */
async function runUntil(embedding: Embedding, done: () => Promise<boolean>): Promise<void> {
  const stop = new AbortController();
  const running = embedding.run(stop.signal);
  await expect.poll(done, { timeout: 30_000, interval: 20 }).toBe(true);
  stop.abort();
  await running;
}

async function bestFor(test: TestStore, models: Models, text: string): Promise<string | undefined> {
  const search = openSearch({ store: test.store, models, timeoutMs: 10_000 });
  return (await search.search({ text, limit: 1 })).results[0]?.memoryId;
}

it('a move to another model goes on after a restart, and searches are answered by meaning throughout', async () => {
  const { test, metrics, restart } = await opened();
  await test.ingest('laptop', MEMORIES);
  const first = restart();
  await runUntil(first.embedding, async () => (await first.embedding.status()).rows_waiting === 0);
  expect(await bestFor(test, first.models, 'young cat')).toBe('kitten');
  expect(await first.embedding.moveTo(OTHER)).toMatchObject({
    model: EMBEDDING_MODEL,
    rows_waiting: 0,
    move: { model: OTHER, rows: 2, rows_waiting: 2, failure: null },
  });
  await first.embedding.observe();
  expect((await renderMetrics(metrics)).body).toMatch(/^akosha_vectors_waiting_rows{model="next"} 2$/m);
  expect(await bestFor(test, first.models, 'young cat')).toBe('kitten');
  await test.ingest('robot', [{ id: 'rain', content: 'Heavy rain flooded it', daysOld: AGE.hot }]);
  await first.models.close();
  await test.reopen();

  const { embedding, models } = restart();
  expect(await embedding.status()).toMatchObject({
    rows_waiting: 1,
    move: { model: OTHER, rows_waiting: 3 },
  });
  await runUntil(
    embedding,
    async () => !(await test.store.modelNames()).old && (await embedding.status()).move === null,
  );
  expect(await embedding.status()).toEqual({
    enabled: true,
    model: OTHER,
    rows_waiting: 0,
    failure: null,
    move: null,
  });
  expect(await bestFor(test, models, 'bad weather')).toBe('rain');
  expect((await renderMetrics(metrics)).body).toMatch(/^akosha_vectors_made_total{result="made"} 6$/m);
});

it('a move is refused to what is no model, and to a third; to name the current model gives it up', async () => {
  const { test, restart } = await opened();
  await test.ingest('laptop', MEMORIES);
  const { embedding, models } = restart();
  await expect(embedding.moveTo('absent')).rejects.toMatchObject({
    type: 'ModelUnavailable',
    message: expect.stringMatching(/AKOSHA_MODELS_DIR|cannot be read/),
  });
  await expect(embedding.moveTo('empty')).rejects.toMatchObject({ type: 'ModelUnavailable' });
  expect((await embedding.status()).move).toBeNull();
  await embedding.moveTo(OTHER);
  expect((await embedding.moveTo(OTHER)).move).toMatchObject({ model: OTHER, rows_waiting: 2 });
  // What waits, waits: it does not end before that.
  expect(await test.store.finishModelMove(0)).toBe(false);
  expect(await test.store.modelNames()).toMatchObject({ current: EMBEDDING_MODEL, next: OTHER });
  const third = await models.get(THIRD);
  await expect(embedding.moveTo(THIRD)).rejects.toMatchObject({
    type: 'BadRequest',
    message: expect.stringContaining(`is being moved to ${OTHER}`),
  });
  // Its thread and memory are given back, and nobody else's.
  await expect(third.embed(['x'])).rejects.toMatchObject({ type: 'Cancelled' });
  expect(await (await models.get(OTHER)).embed(['x'])).toHaveLength(1);
  expect(await embedding.moveTo(EMBEDDING_MODEL)).toMatchObject({ model: EMBEDDING_MODEL, move: null });
  expect(await test.store.modelNames()).toEqual({ current: EMBEDDING_MODEL, next: null, old: true });
});

it('where embeddings are off, nothing is made and no move begins', async () => {
  const { test } = await opened();
  await test.ingest('laptop', MEMORIES);
  const log = createLog({ level: 'silent', format: 'json' });
  const embedding = openEmbedding(
    { store: test.store, models: undefined },
    { log, metrics: createMetrics() },
  );
  await embedding.run(new AbortController().signal);
  expect(await embedding.status()).toMatchObject({ enabled: false, rows_waiting: 2 });
  await expect(embedding.moveTo(OTHER)).rejects.toMatchObject({ type: 'BadRequest' });
});

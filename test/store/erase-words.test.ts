import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { openObjectStore } from '../../src/objects/index.js';
import { CatalogDatabase } from '../../src/store/embedded/catalog/database.js';
import { forgetStore } from '../../src/store/embedded/forgetting.js';
import { VectorIndexes } from '../../src/store/embedded/vector-index/vector-indexes.js';
import { temporaryFolder } from '../reader/support.js';
import { openContext } from './support.js';

const TEXTS = 3_000;

/** Of six megabytes in all, so that the index is merged in several steps. Three in twenty have words that are to go. */
function textOf(pid: number): string {
  const words = Array.from({ length: 200 }, (_, i) => `word${pid}x${i}`);
  return (isForgotten(pid) ? [...words, ...words.map((word) => `zsecret${word}`)] : words).join(' ');
}

function isForgotten(pid: number): boolean {
  return pid <= TEXTS && pid % 20 < 3;
}

it('words that were forgotten are in no part of the text index, also where texts are committed while it is merged', async () => {
  const folder = await temporaryFolder();
  const context = await openContext(folder, await openObjectStore(`file://${folder}/objects`));
  const indexes = await VectorIndexes.open(context, {
    folder: path.join(folder, 'index'),
    catalog: path.join(folder, 'store', 'catalog.db'),
    epoch: 1,
    maxBytes: 0,
  });
  const db = new CatalogDatabase(path.join(folder, 'store', 'catalog.db'), 'write');
  const put = (pid: number): number =>
    db.run('INSERT INTO memory_text (rowid, content) VALUES ($pid, $content)', { pid, content: textOf(pid) });
  const pids = Array.from({ length: TEXTS }, (_, i) => i + 1);
  db.transaction(() => pids.map(put));
  db.run("INSERT INTO memory_text (memory_text) VALUES ('optimize')");
  const hasSecrets = (): boolean =>
    db.number(
      "SELECT EXISTS (SELECT 1 FROM memory_text_data WHERE instr(block, CAST('zsecret' AS BLOB)))",
    ) === 1;
  db.transaction(() => {
    for (const pid of pids.filter(isForgotten)) db.run('DELETE FROM memory_text WHERE rowid = $pid', { pid });
  });
  expect(hasSecrets()).toBe(true);
  let isErasing = true;
  let committed = 0;
  const erasing = forgetStore(context, indexes)
    .eraseDerived()
    .finally(() => (isErasing = false));
  while (isErasing) {
    put(TEXTS + ++committed);
    await setImmediate();
  }
  await erasing;
  expect(committed).toBeGreaterThan(1);
  expect(hasSecrets()).toBe(false);
  db.close();
});

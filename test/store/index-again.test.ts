import path from 'node:path';
import Libsql from 'libsql';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { SearchFilters } from '../../src/store/index.js';
import { AGE, openTestStore } from '../search/support.js';

/** What a version before this one had: words cut at spaces alone, and no tags. */
const AS_BEFORE = `
  DELETE FROM memory_text WHERE rowid IN (SELECT pid FROM placements WHERE memory_id = 'hot');
  INSERT INTO memory_text (rowid, content) SELECT pid, '公開鍵を更新する' FROM placements WHERE memory_id = 'hot';
  DELETE FROM memory_tags;
  INSERT INTO memories_to_index SELECT pid FROM placements;`;

it('finds by new words and tags what an older version placed, once the store is open', async () => {
  const test = await openTestStore();
  onTestFinished(() => test.close());
  const memory = { kind: 'reflection', tags: ['keys', 'a "b"'] } as const;
  await test.ingest('laptop', [
    { id: 'hot', content: '公開鍵を更新する', daysOld: AGE.hot, ...memory, tags: [...memory.tags] },
    { id: 'cold', content: '公開鍵を更新する', daysOld: AGE.cold, ...memory, tags: [...memory.tags] },
  ]);
  await test.age();
  const catalog = new Libsql(path.join(path.dirname(test.folders.objects), 'store', 'catalog.db'));
  onTestFinished(() => {
    catalog.close();
  });
  const count = (table: string): unknown => catalog.prepare(`SELECT count(*) AS n FROM ${table}`).all();
  const find = async (filters: Partial<SearchFilters> = {}): Promise<number> =>
    (await test.store.searchWords('hot', ['更新'], { tiers: ['hot'], ...filters }, 10)).length;
  expect(await find({ tag: 'a "b"' })).toBe(1);
  catalog.exec(AS_BEFORE);
  expect(await find()).toBe(0);

  await test.reopen();
  await vi.waitFor(() => expect(count('memories_to_index')).toEqual([{ n: 0 }]), 10_000);
  expect(await find({ tag: 'a "b"' })).toBe(1);
  expect(await find({ tag: 'b' })).toBe(0);
  expect(count('memory_tags')).toEqual([{ n: 4 }]);
  expect(count('memory_text')).toEqual([{ n: 1 }]);
});

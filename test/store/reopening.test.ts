import { writeFile } from 'node:fs/promises';
import { DuckDBConnection } from '@duckdb/node-api';
import { expect, it, onTestFinished, vi } from 'vitest';
import { findDamage } from '../../src/store/embedded/tiers/damage.js';
import { searchTableVectors } from '../../src/store/embedded/tiers/searching.js';
import { tableFor } from '../../src/store/embedded/tiers/tables.js';
import { TierDatabase } from '../../src/store/embedded/tiers/tier-database.js';
import { temporaryFolder } from '../reader/support.js';
import { eventually } from '../support/eventually.js';
import { NOW } from './protocol/world.js';
import { openWorld } from './support.js';

/** Has statements that begin so fail, as on a disk that is full just then, until it is told to end. `before` is what they leave. */
function failing(begin: string, before: () => Promise<void> = () => Promise.resolve()): () => void {
  const { run } = DuckDBConnection.prototype;
  const spy = vi.spyOn(DuckDBConnection.prototype, 'run').mockImplementation(async function (
    this: DuckDBConnection,
    sql,
    ...rest
  ) {
    if (!sql.startsWith(begin)) return run.call(this, sql, ...rest);
    await before();
    throw new Error('IO Error: Could not write file: No space left on device');
  });
  const end = (): void => void spy.mockRestore();
  onTestFinished(end);
  return end;
}

it('a tier that was set aside, and could not be begun anew, says so until it can', async () => {
  const folder = await temporaryFolder();
  const tiers = await TierDatabase.open({
    folder,
    memoryMb: 256,
    scratch: `${folder}/scratch`,
    releaseMs: 100,
  });
  onTestFinished(() => tiers.close());
  const day = tableFor('hot', NOW);
  const makeDay = () =>
    tiers.read((connection) =>
      tiers.write('hot', connection, () => tiers.createTables(connection, 'hot', [day])),
    );
  await makeDay();
  const free = failing('ATTACH', () => writeFile(tiers.file('hot'), Buffer.alloc(5000, 'torn')));
  await expect(tiers.setAside('hot')).rejects.toMatchObject({ type: 'StoreDamaged' });
  const isClosed = { type: 'StoreBusy', message: expect.stringContaining('AKOSHA_DATA_DIR') as unknown };
  await expect(tiers.tables('hot')).rejects.toMatchObject(isClosed);
  await expect(findDamage(tiers, 'hot')).rejects.toMatchObject(isClosed);
  await expect(
    searchTableVectors(tiers, 'hot', new Float32Array(384).fill(1), { tiers: ['hot'] }, 5),
  ).rejects.toMatchObject(isClosed);
  expect(await tiers.tables('warm')).toEqual([]);
  free();
  await eventually(async () => expect(await tiers.tables('hot')).toEqual([]));
  await makeDay();
  expect(await tiers.tables('hot')).toEqual([day]);
});

it('what was under way is closed also where a tier could not be set aside, and the tier is read on', async () => {
  const world = await openWorld();
  await world.ingest('u1', 1, [{ id: 'a', text: 'alpha' }]);
  await world.register('u2', 2, 1);
  const ingest = await world.openIngest('u2', [{ id: 'b', text: 'beta' }]);
  await ingest.insertRows();
  const journal = await world.putJournal(ingest, 'u2');
  const end = failing('DETACH');
  await expect(world.store.setAside('hot')).rejects.toThrow('No space left');
  end();
  await expect(ingest.commit(journal)).rejects.toMatchObject({ type: 'OperationClosed' });
  await ingest.close();
  await eventually(async () => expect((await world.find('a'))?.content).toBe('alpha'));
});

import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isAkoshaError, messageOf } from '../../src/contract/index.js';
import { Catalog } from '../../src/store/embedded/catalog/catalog.js';
import { CatalogDatabase } from '../../src/store/embedded/catalog/database.js';
import { answerTogether, sharesCommit } from '../../src/store/embedded/catalog/group-commit.js';
import { beginRead } from '../../src/store/embedded/catalog/reads.js';
import { registerUploads } from '../../src/store/embedded/catalog/uploads.js';
import type { FoundUpload } from '../../src/store/uploads.js';
import { temporaryFolder } from '../reader/support.js';

function upload(n: number): FoundUpload {
  const uploadId = `upload-${n}`;
  return { systemId: 'host', uploadId, order: n, previousOrder: null, manifestSha256: '0', createdAt: n };
}

interface Request {
  method: string;
  run: (db: CatalogDatabase) => unknown;
}

const registers = (n: number): Request => ({
  method: 'registerUploads',
  run: (db) => registerUploads(db, [upload(n)], 0),
});
const reads = (n: number): Request => ({ method: 'beginRead', run: (db) => beginRead(db, upload(n)) });

describe('what waits for the catalog at the same time', () => {
  it('shares a commit, and each stands or falls by itself', async () => {
    const { db, looks, uploads } = await openCatalog();
    const waiting = [registers(1), reads(9), registers(2), reads(2), looks];
    const answers = answerTogether(db, waiting, answerOf(db));
    expect(answers).toEqual([
      [{ systemId: 'host', uploadId: 'upload-1' }],
      'OperationClosed: upload upload-9 of system host is not pending',
      [{ systemId: 'host', uploadId: 'upload-2' }],
      { attempts: 1, lastFailure: null },
      // None is told, and nobody sees any, before all are on the disk.
      [],
    ]);
    expect(uploads()).toEqual([
      ['upload-1', 0],
      ['upload-2', 1],
    ]);
  });

  it('is answered one by one where the commit of all is lost, with nothing done twice', async () => {
    const { db, looks, uploads } = await openCatalog();
    let losses = 1;
    const loses: Request = {
      method: 'registerUploads',
      run: () => {
        // What SQLite does by itself where a disk is full: a fault, injected.
        if (losses-- > 0) db.execute('ROLLBACK');
        throw new Error('no room');
      },
    };
    const waiting = [registers(1), reads(1), looks, loses, registers(2)];
    const answers = answerTogether(db, waiting, answerOf(db));
    expect(answers).toEqual([
      [{ systemId: 'host', uploadId: 'upload-1' }],
      { attempts: 1, lastFailure: null },
      [['upload-1', 1]],
      'Error: no room',
    ]);
    expect(uploads()).toEqual([['upload-1', 1]]);
  });

  it('is nothing that takes a connection or the time for itself', () => {
    const alone = { method: 'checkpoint' };
    expect(sharesCommit([registers(1), reads(1)])).toBe(true);
    expect(sharesCommit([registers(1)])).toBe(false);
    expect(sharesCommit([registers(1), alone])).toBe(false);
    expect(sharesCommit([alone, registers(1)])).toBe(false);
  });

  it('is answered in order by the thread, whatever is among it', async () => {
    const catalog = await Catalog.open(join(await temporaryFolder(), 'catalog.db'), () => Promise.resolve(1));
    onTestFinished(() => catalog.close());
    const { write } = catalog;
    const refused: string[] = [];
    const numbers = Array.from({ length: 50 }, (_, n) => n);
    await Promise.all(
      numbers.flatMap((n) => [
        write.beginRead(upload(n)).catch((error: unknown) => refused.push(messageOf(error))),
        write.registerUploads([upload(n)], 0),
        write.beginRead(upload(n)),
        ...(n === 25 ? [write.checkpoint()] : []),
      ]),
    );
    expect(refused).toEqual(numbers.map((n) => `upload upload-${n} of system host is not pending`));
    expect(await catalog.read.countUnfinished(1)).toBe(50);
  });
});

/** A catalog, and what another connection sees in it: the uploads, and how often each was begun. */
async function openCatalog(): Promise<{
  db: CatalogDatabase;
  uploads: () => [string, number][];
  /** A request that tells the same. */
  looks: Request;
}> {
  const file = join(await temporaryFolder(), 'catalog.db');
  const db = new CatalogDatabase(file, 'write');
  onTestFinished(() => db.close());
  const other = new CatalogDatabase(file, 'read');
  onTestFinished(() => other.close());
  const uploads = (): [string, number][] =>
    other
      .all<{ upload_id: string; attempts: number }>(
        'SELECT upload_id, attempts FROM uploads ORDER BY upload_id',
      )
      .map((row) => [row.upload_id, row.attempts]);
  return { db, uploads, looks: { method: 'openOperations', run: uploads } };
}

/** As the catalog's thread does. */
function answerOf(db: CatalogDatabase): (request: Request) => unknown {
  return ({ run }) => {
    try {
      return run(db);
    } catch (error) {
      return `${isAkoshaError(error) ? error.type : 'Error'}: ${messageOf(error)}`;
    }
  };
}

import { join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { expect, it, onTestFinished } from 'vitest';
import type { UploadRef } from '../../src/contract/index.js';
import { ingestUpload, registerUpload } from '../../src/ingest/index.js';
import { setFileVersion } from '../reader/support.js';
import { makeDatabase } from '../support/databases.js';
import { writeProgram } from '../support/programs.js';
import { openIngestWorld, originalId, putOriginal } from './support.js';

const TIMEOUT_MS = 40_000;

it('ingests a system’s upload while those of more systems than there are readers hang', async () => {
  // On a busy machine a small upload takes some tenths of a second.
  const slow = { afterMs: 1_000, size: 1, waiting: 4 };
  const command: string[] = [];
  const world = await openIngestWorld({ size: 2, jobTimeoutMs: TIMEOUT_MS, slow, external: { command } });
  onTestFinished(() => world.close());
  // A double of DuckDB's command line over which a reader hangs.
  const hanging = `if [ "$1" = --version ]; then echo 'v2.0.0 (Double) 0123456789'; exit; fi\nexec sleep 60`;
  command.push(await writeProgram(world.folder, 'duckdb', hanging));
  const file = join(world.folder, 'small.duckdb');
  await makeDatabase(
    file,
    'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR)',
    `INSERT INTO conversations_v2 VALUES ('1', 'one')`,
  );
  const sound = await readFile(file);
  await setFileVersion(file, 999n);
  const newer = await readFile(file);
  const queue = async (systemId: string, database: Buffer): Promise<UploadRef> => {
    const ref = { systemId, uploadId: originalId() };
    await putOriginal(world.uploads, ref, { 'reflection.duckdb': database });
    await registerUpload(world.context, ref);
    return ref;
  };
  const caller = new AbortController();
  const stuck = await Promise.all(['a', 'b', 'c', 'd'].map((name) => queue(`hangs-${name}`, newer)));
  const hung = stuck.map((ref) => ingestUpload(world.context, ref, { signal: caller.signal }));
  const outcomes = Promise.allSettled(hung);
  const fresh = await queue('quick', sound);
  const first = await Promise.race([ingestUpload(world.context, fresh), outcomes]);
  expect(first).toMatchObject({ status: 'ingested' });
  caller.abort();
  for (const outcome of await outcomes) expect(outcome).toMatchObject({ reason: { type: 'Cancelled' } });
  for (const ref of stuck) {
    expect(await world.store.getUpload(ref)).toMatchObject({ state: 'pending', attempts: 0 });
  }
});

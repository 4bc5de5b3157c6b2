import { afterEach, beforeEach, expect, it } from 'vitest';
import type { UploadRef } from '../../src/contract/index.js';
import {
  dropUpload,
  explainUpload,
  ingestUpload,
  registerUpload,
  type UploadExplanation,
} from '../../src/ingest/index.js';
import { openIngestWorld, originalId, putOriginal, type IngestWorld } from './support.js';

let world: IngestWorld;

beforeEach(async () => {
  world = await openIngestWorld();
});
afterEach(() => world.close());

const explain = (ref: UploadRef): Promise<UploadExplanation> => explainUpload(world.store, ref);
const words = ({ happened }: UploadExplanation): string[] => happened.map(({ what }) => what);

it('an upload is explained from the queue to its end', async () => {
  const [first, second] = [originalId(), originalId()].map((uploadId) => ({ systemId: 'old', uploadId }));
  if (first === undefined || second === undefined) return expect.fail('two uploads');
  for (const ref of [second, first]) {
    await putOriginal(world.uploads, ref, { 'reflection.duckdb.gz': Buffer.from('no gzip') });
    await registerUpload(world.context, ref);
  }
  expect(await explain(first)).toMatchObject({
    ahead: 0,
    next: expect.stringContaining('next of its system'),
  });
  expect(await explain(second)).toMatchObject({ ahead: 1, next: expect.stringContaining('1 uploads') });

  await ingestUpload(world.context, first);
  const quarantined = await explain(first);
  expect(words(quarantined)).toEqual(['created', 'queued', 'quarantined']);
  expect(quarantined.next).toContain(`akosha quarantine retry ${first.uploadId}`);
  expect(await explain(second)).toMatchObject({ ahead: 0 });

  await dropUpload(world.context, first, { by: 'me', reason: 'test data' });
  const dropped = await explain(first);
  expect(words(dropped)).toEqual(['created', 'queued', 'quarantined', 'dropped']);
  expect(dropped.happened.at(-1)?.detail).toBe('by me: test data');
  expect(dropped.next).toBe('nothing: a person gave it up');

  await expect(explain({ systemId: 'old', uploadId: 'nothing' })).rejects.toMatchObject({
    type: 'UploadUnknown',
  });
});

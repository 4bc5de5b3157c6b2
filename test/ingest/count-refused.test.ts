import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AkoshaError, manifestKey, type UploadRef } from '../../src/contract/index.js';
import { ingestUpload, registerUpload, retryUpload, type IngestContext } from '../../src/ingest/index.js';
import { openIngestWorld, originalId, putOriginal, sampleFiles, type IngestWorld } from './support.js';

let world: IngestWorld;
let files: Record<string, Uint8Array>;
let systems = 0;

beforeAll(async () => {
  world = await openIngestWorld();
  files = await sampleFiles();
});
afterAll(() => world.close());

/** Two uploads of a system. */
async function queueTwo(): Promise<[UploadRef, UploadRef]> {
  const systemId = `system-${++systems}`;
  const refs: [UploadRef, UploadRef] = [
    { systemId, uploadId: originalId() },
    { systemId, uploadId: originalId() },
  ];
  for (const ref of refs) {
    await putOriginal(world.uploads, ref, files);
    await registerUpload(world.context, ref);
  }
  return refs;
}

function refused(code: string, key: string): AkoshaError {
  return new AkoshaError('ObjectStoreRefused', `get "${key}": ${code} (HTTP 403)`, { details: { code } });
}

/** A double that injects the fault: an object store that keeps back what `isKept` names. */
function keepingBack(isKept: (key: string) => boolean, fault: (key: string) => AkoshaError): IngestContext {
  return world.withFaults({
    get: (key, options) => (isKept(key) ? Promise.reject(fault(key)) : world.uploads.get(key, options)),
    getFile: (key, path, options) =>
      isKept(key) ? Promise.reject(fault(key)) : world.uploads.getFile(key, path, options),
  });
}

describe('an upload whose objects the store keeps back', () => {
  it.each([
    [
      'a file may not be read',
      (key: string) => key.endsWith('.gz'),
      (key: string) => refused('AccessDenied', key),
    ],
    [
      'a file’s key may not be used',
      (key: string) => key.endsWith('.gz'),
      (key: string) => refused('KMS.DisabledException', key),
    ],
    [
      'a file is damaged',
      (key: string) => key.endsWith('.gz'),
      (key: string) => new AkoshaError('ObjectCorrupt', `get "${key}": Checksum mismatch`),
    ],
    ['all of it is archived', () => true, (key: string) => refused('InvalidObjectState', key)],
  ])('is quarantined after five attempts, and the next one goes on: %s', async (_what, isKept, fault) => {
    const [ref, next] = await queueTwo();
    const context = keepingBack((key) => key.includes(ref.uploadId) && isKept(key), fault);
    const { type, message } = fault('');
    for (let attempt = 1; attempt < 5; attempt++) {
      await expect(ingestUpload(context, ref)).rejects.toMatchObject({ type });
      expect(await world.store.getUpload(ref)).toMatchObject({ state: 'pending', attempts: attempt });
    }
    const { status, reason } = await ingestUpload(context, ref);
    expect(status).toBe('quarantined');
    expect(reason).toContain('failed 5 times in a row');
    expect(reason).toContain(message.slice(message.indexOf(':')));
    expect(reason).toMatch(/once its objects can be read again, akosha quarantine retry takes it up$/);
    expect(await ingestUpload(context, next)).toMatchObject({ status: 'ingested' });
    // The remedy is one.
    await retryUpload(world.context, ref);
    expect(await ingestUpload(world.context, ref)).toMatchObject({ status: 'ingested' });
  });

  it('keeps its attempts where nothing at all may be read: those are this server’s credentials', async () => {
    const [ref] = await queueTwo();
    const context = keepingBack(
      () => true,
      (key) => refused('AccessDenied', key),
    );
    for (let attempt = 1; attempt <= 6; attempt++) {
      await expect(ingestUpload(context, ref)).rejects.toMatchObject({ type: 'ObjectStoreRefused' });
    }
    expect(await world.store.getUpload(ref)).toMatchObject({ state: 'pending', attempts: 0 });
    expect(await ingestUpload(world.context, ref)).toMatchObject({ status: 'ingested' });
  });

  it('keeps its attempts where only its manifest is read no more', async () => {
    const [ref] = await queueTwo();
    const context = keepingBack(
      (key) => key === manifestKey(ref),
      (key) => refused('AccessDenied', key),
    );
    for (let attempt = 1; attempt <= 6; attempt++) {
      await expect(ingestUpload(context, ref)).rejects.toMatchObject({ type: 'ObjectStoreRefused' });
    }
    expect(await world.store.getUpload(ref)).toMatchObject({ state: 'pending', attempts: 0 });
  });
});

import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inboxKey, receiptKey, type UploadRef } from '../../src/contract/index.js';
import { openObjectStore, type ObjectStore } from '../../src/objects/index.js';
import { originalId, putOriginal, sampleFiles } from '../ingest/support.js';
import { Program } from '../support/program.js';

interface Upload {
  system_id: string;
  upload_id: string;
  state: string;
}

interface Page {
  uploads: Upload[];
  next: string | null;
}

const HOSTS = ['host-a', 'host-b'];

describe('the commands about uploads', () => {
  let program: Program;
  let uploads: ObjectStore;
  const sound: UploadRef[] = [];
  const broken: UploadRef = { systemId: 'host-broken', uploadId: originalId() };

  beforeAll(async () => {
    program = await Program.create({ AKOSHA_POLL_INTERVAL_SECONDS: '1', AKOSHA_EMBEDDINGS: 'off' });
    const objects = path.join(program.dataDir, 'objects');
    await mkdir(objects, { recursive: true });
    uploads = await openObjectStore(`file://${objects}`);
    const files = await sampleFiles();
    for (const systemId of HOSTS) {
      for (let n = 0; n < 2; n++) sound.push({ systemId, uploadId: originalId() });
    }
    for (const ref of sound) await put(ref, files);
    await put(broken, { 'notes.duckdb': Buffer.from('no database') });
    await program.up();
    await program.waitUntil('ingested', async () => {
      const { uploads: counts } = await program.api<{ uploads: Record<string, number> }>('/api/v1/status');
      return counts['done'] === sound.length && counts['quarantined'] === 1;
    });
  }, 120_000);
  afterAll(async () => {
    await program.destroy();
    await uploads.close();
  }, 60_000);

  async function put(ref: UploadRef, files: Readonly<Record<string, Uint8Array>>): Promise<void> {
    await putOriginal(uploads, ref, files);
    await uploads.put(inboxKey(ref), '');
  }

  async function json<T>(...args: string[]): Promise<T> {
    const { code, stdout, stderr } = await program.run([...args, '--json']);
    expect(code, stderr).toBe(0);
    return JSON.parse(stdout) as T;
  }

  it('receipts: of one system, and page by page, each upload once', async () => {
    const own = await json<Page>('receipts', '--system', 'host-a');
    expect(own.uploads.map(({ system_id }) => system_id)).toEqual(['host-a', 'host-a']);
    expect(own.next).toBeNull();
    const seen: string[] = [];
    let after: string[] = [];
    for (let pages = 1; ; pages++) {
      const page = await json<Page>('receipts', '--limit', '2', ...after);
      seen.push(...page.uploads.map(({ upload_id }) => upload_id));
      if (page.next === null) {
        expect(pages).toBe(3);
        break;
      }
      after = ['--after', page.next];
    }
    expect(seen.toSorted()).toEqual([...sound, broken].map(({ uploadId }) => uploadId).toSorted());
    const { stdout } = await program.run(['receipts', '--limit', '2']);
    expect(stdout).toMatch(/^more: --after \d+:host-/m);
  });

  it('status: how far behind one system is, which one that nobody knows is not', async () => {
    const { system } = await json<{ system: object }>('status', '--system', 'host-a');
    expect(system).toEqual({ system_id: 'host-a', pending: 0, oldest_age_seconds: null });
  });

  it('ingest --again: one upload, as a new operation, that changes no memory', async () => {
    const [ref] = sound;
    if (ref === undefined) expect.fail('there is none');
    const before = await uploads.get(receiptKey(ref));
    const again = await json<object>('ingest', '--upload', ref.uploadId, '--again', '--wait');
    expect(JSON.stringify(again)).toContain(ref.uploadId);
    const { uploads: own } = await json<Page>('receipts', '--system', ref.systemId, '--state', 'done');
    expect(own).toHaveLength(2);
    const told = await json<{ again: object }>('receipts', '--upload', ref.uploadId);
    expect(told.again).toMatchObject({ times: 1, requested_at: null, failure: null });
    expect(String(await uploads.get(receiptKey(ref)))).not.toBe(String(before));
    const refused = await program.run(['ingest', '--upload', ref.uploadId]);
    expect([refused.code === 0, refused.stderr.includes('--again')]).toEqual([false, true]);
  });

  it('quarantine drop: asks for a reason, and the receipt has it', async () => {
    const bare = await program.run(['quarantine', 'drop', broken.uploadId]);
    expect([bare.code === 0, bare.stderr.includes('--reason')]).toEqual([false, true]);
    expect((await json<Page>('quarantine', 'list')).uploads).toHaveLength(1);
    const dropped = await json<Upload>('quarantine', 'drop', broken.uploadId, '--reason', 'test data');
    expect(dropped.state).toBe('dropped');
    expect((await json<Page>('quarantine', 'list')).uploads).toEqual([]);
    expect(String(await uploads.get(receiptKey(broken)))).toContain('test data');
    // A second time changes nothing.
    await json('quarantine', 'drop', broken.uploadId, '--yes');
    expect(String(await uploads.get(receiptKey(broken)))).toContain('test data');
  });
});

import { execFileSync } from 'node:child_process';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { manifestKey, NO_ROWS, type UploadRef } from '../../src/contract/index.js';
import { ingestUpload, registerUpload, type IngestContext } from '../../src/ingest/index.js';
import { parseManifest } from '../../src/memory/index.js';
import { ReaderPool, type Exclusions } from '../../src/reader/index.js';
import { wheelFolder } from '../../src/servers/index.js';
import { openHost, syncDirectly } from '../../src/upload/index.js';
import { SAMPLES, SAMPLES_OF_DUCKDB_2 } from '../support/databases.js';
import { writeProgram } from '../support/programs.js';
import { NOW, openIngestWorld, type IngestWorld } from './support.js';

let world: IngestWorld;
/** One that finds the DuckDB 2 that set-up installed, and one that finds none: this build's own is all it has. */
let able: ReaderPool;
let unable: ReaderPool;

const OLD = 'duckdb-node-api 1.';
const NEW = 'duckdb-python 2.0.0';

let path: string | undefined;

beforeAll(async () => {
  world = await openIngestWorld();
  const where = execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' });
  const command = await writeProgram(
    world.folder,
    'python-with-duckdb',
    `PYTHONPATH='${wheelFolder('duckdb')}' exec '${where.trim()}' "$@"`,
  );
  // What this machine has besides must not matter.
  path = process.env['PATH'];
  process.env['PATH'] = '/nowhere';
  const options = { size: 1, memoryLimitMb: 256, jobTimeoutMs: 60_000 };
  able = new ReaderPool({ ...options, external: { command: [command] } });
  unable = new ReaderPool(options);
});
afterAll(async () => {
  process.env['PATH'] = path;
  await able.close();
  await unable.close();
  await world.close();
});

/** What a host's sync of these databases came to, and the server's ingest of it. */
async function carry(
  systemId: string,
  databases: readonly string[],
  { host, server, exclude }: { host: ReaderPool; server: ReaderPool; exclude?: Exclusions },
) {
  const ref: UploadRef = { systemId, uploadId: 'upload-1' };
  const opened = openHost({
    systemId,
    dataDir: join(world.folder, systemId),
    databases,
    uploads: world.uploads,
    reader: host,
    timeZone: 'UTC',
    now: () => NOW,
    ...(exclude && { snapshot: { exclude } }),
  });
  onTestFinished(() => opened.close());
  await syncDirectly(opened, { uploadId: ref.uploadId });
  const manifest = parseManifest(ref, await world.uploads.get(manifestKey(ref)));
  const context: IngestContext = { ...world.context, reader: server };
  await registerUpload(context, ref);
  const outcome = await ingestUpload(context, ref);
  return { manifest, outcome, receipt: await world.receipt(ref) };
}

const newer = (name: string): string => join(SAMPLES_OF_DUCKDB_2, name);

describe('databases of DuckDB 2.0.0', () => {
  it('read on the host arrive whole, and manifest and receipt name the reader', async () => {
    const databases = [newer('reflection.duckdb'), newer('knowledge_graph.duckdb')];
    const { manifest, outcome, receipt } = await carry('reads', databases, { host: able, server: unable });
    expect(manifest.files.map(({ name, reader, flags }) => ({ name, reader, flags }))).toEqual([
      { name: 'reflection.duckdb', reader: NEW, flags: [] },
      { name: 'knowledge_graph.duckdb', reader: NEW, flags: [] },
    ]);
    expect(outcome).toMatchObject({ status: 'ingested', rows: { ...NO_ROWS, new: 208 + 104 + 56 + 79 } });
    expect(receipt?.reader).toMatch(`${NEW}, ${OLD}`);
    for (const file of receipt?.files ?? []) {
      expect(file).toMatchObject({ reader: expect.stringContaining(NEW), flags: [] });
    }
  });

  it('that no reader of the host could read are read by the server’s', async () => {
    const databases = [newer('knowledge_graph.duckdb')];
    const { manifest, outcome, receipt } = await carry('server', databases, { host: unable, server: able });
    expect(manifest.files).toMatchObject([{ reader: 'none', flags: ['unread'], rows: {} }]);
    expect(outcome).toMatchObject({ status: 'ingested', rows: { new: 56 + 79 } });
    expect(receipt).toMatchObject({ reader: NEW, files: [{ reader: NEW, flags: [] }] });
  });

  it('that nobody could read go to quarantine, which says how to get a reader', async () => {
    const databases = [newer('knowledge_graph.duckdb')];
    const { outcome, receipt } = await carry('nobody', databases, { host: unable, server: unable });
    expect(outcome.status).toBe('quarantined');
    expect(receipt?.reason).toMatch(
      /^knowledge_graph\.duckdb has DuckDB file version 999.*AKOSHA_READER_COMMAND/,
    );
  });

  it('that nobody could read do not hold up the others of their upload', async () => {
    const databases = [newer('knowledge_graph.duckdb'), join(SAMPLES, 'reflection.duckdb')];
    const { outcome, receipt } = await carry('mixed', databases, { host: unable, server: unable });
    expect(outcome).toMatchObject({ status: 'ingested', rows: { new: 208 + 104 } });
    expect(receipt?.files).toMatchObject([
      { name: 'reflection.duckdb', flags: [] },
      {
        name: 'knowledge_graph.duckdb',
        flags: ['unread'],
        reason: expect.stringContaining('AKOSHA_READER_COMMAND'),
      },
    ]);
  });
});

describe('a database whose log cannot be replayed', () => {
  async function broken(systemId: string): Promise<string> {
    const folder = join(world.folder, `${systemId}-databases`);
    await mkdir(folder);
    const database = join(folder, 'knowledge_graph.duckdb');
    await copyFile(join(SAMPLES, 'knowledge_graph.duckdb'), database);
    const log = await readFile(join(SAMPLES, 'wal_fresh/reflection.duckdb.wal'));
    // Of another database, and damaged besides.
    await writeFile(`${database}.wal`, log.subarray(0, 3000).fill(0, 1500, 1600));
    return database;
  }

  it('arrives with the rows of its file; its log is kept in the upload', async () => {
    const databases = [await broken('log')];
    const { manifest, outcome, receipt } = await carry('log', databases, { host: unable, server: unable });
    expect(manifest.files).toMatchObject([
      {
        name: 'knowledge_graph.duckdb',
        flags: ['log_not_replayed'],
        rows: { entity: 56, relation: 79 },
      },
      { name: 'knowledge_graph.duckdb.wal', flags: ['log_not_replayed', 'log'], rows: {} },
    ]);
    expect(outcome).toMatchObject({ status: 'ingested', rows: { new: 56 + 79 } });
    expect(receipt?.files).toMatchObject([
      { name: 'knowledge_graph.duckdb', flags: ['log_not_replayed'] },
      { name: 'knowledge_graph.duckdb.wal', flags: ['log'] },
    ]);
  });

  it('goes to quarantine where its log is not what the manifest says', async () => {
    const ref: UploadRef = { systemId: 'log', uploadId: 'upload-1' };
    const manifest = (await world.uploads.get(manifestKey(ref))).toString('utf8');
    const other: UploadRef = { systemId: 'log', uploadId: 'upload-2' };
    for (const name of ['knowledge_graph.duckdb', 'knowledge_graph.duckdb.wal']) {
      const file = await world.uploads.get(`systems/log/uploads/upload-1/${name}`);
      await world.uploads.put(`systems/log/uploads/upload-2/${name}`, file);
    }
    const log = parseManifest(ref, Buffer.from(manifest)).files[1];
    const changed = manifest
      .replaceAll('upload-1', 'upload-2')
      .replace('"order": 1', '"order": 2')
      .replace(String(log?.rawSha256), 'f'.repeat(64));
    await world.uploads.put(manifestKey(other), changed);
    await registerUpload(world.context, other);
    const outcome = await ingestUpload(world.context, other);
    expect(outcome).toMatchObject({
      status: 'quarantined',
      reason: expect.stringContaining(
        'knowledge_graph.duckdb.wal: the manifest says SHA-256 of the raw bytes',
      ),
    });
  });
});

it('the receipt counts what the host excluded', async () => {
  const exclude: Exclusions = { projects: [], kinds: ['entity', 'reflection'], categories: [], patterns: [] };
  const databases = [join(SAMPLES, 'reflection.duckdb'), join(SAMPLES, 'knowledge_graph.duckdb')];
  const { manifest, outcome, receipt } = await carry('excludes', databases, {
    host: unable,
    server: unable,
    exclude,
  });
  expect(manifest.files.map(({ excluded }) => excluded)).toEqual([
    { reflection: 104 },
    { entity: 56, relation: 79 },
  ]);
  expect(outcome).toMatchObject({ status: 'ingested', rows: { new: 208 } });
  expect(receipt?.excluded).toEqual({ reflection: 104, entity: 56, relation: 79 });
});

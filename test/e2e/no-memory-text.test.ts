import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { makeDatabase } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { Program } from '../support/program.js';

/** In nothing but memories: whoever finds it elsewhere has found a memory's text. */
const SECRET = 'xylophonist';

/** As many texts as a memory has, and in each the word. */
const MEMORIES = `
  CREATE TABLE conversations (id VARCHAR, content VARCHAR, project VARCHAR, timestamp TIMESTAMP, metadata JSON);
  INSERT INTO conversations SELECT 'c' || i, '${SECRET} ' || i, 'the ${SECRET} project', TIMESTAMP '2026-11-21 10:00:00',
    '{"note": "${SECRET}"}' FROM range(3) rows (i)`;

/** Rows that can be written and not read, and DuckDB says why with the text that it could not take. */
const UNREADABLE = [
  `CREATE TABLE conversations (id VARCHAR, content VARCHAR,
     count INTEGER AS (CASE WHEN current_database() = 'reflection' THEN 0 ELSE CAST(content AS INTEGER) END))`,
  `INSERT INTO conversations (id, content) VALUES ('c0', '${SECRET}')`,
];

const SYSTEM = 'original';
const UNREADABLE_ID = '20261122_100000_a';
const FAILING_ID = '20261122_100001_b';
const GARBLED_ID = '20261122_100002_c';

const QUARANTINED = 'upload quarantined: it waits for a person';

interface Line {
  level: string;
  msg?: string;
  activity?: string;
  systemId?: string;
  uploadId?: string;
  workflowId?: string;
}

async function linesOf(program: Program): Promise<Line[]> {
  const lines = (await program.log()).split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line) as Line);
}

it('tells of uploads by their ids, and of no memory, whatever becomes of them', async () => {
  const program = await Program.create({
    AKOSHA_LOG_LEVEL: 'trace',
    AKOSHA_POLL_INTERVAL_SECONDS: '1',
    AKOSHA_EMBEDDINGS: 'off',
  });
  onTestFinished(() => program.destroy());
  const host = path.join(program.dataDir, 'host');
  const database = path.join(host, 'secret.duckdb');
  await makeDatabase(database, MEMORIES);
  await program.up({ AKOSHA_DATABASES: database });
  const ingested = await program.sync();

  // Of a host that does not look into what it sends: a file that fails while its rows are read, one whose rows cannot be journaled, and a
  // manifest that is none.
  const objects = path.join(program.dataDir, 'objects');
  await place(objects, UNREADABLE_ID, manifestOf(UNREADABLE_ID), ...UNREADABLE);
  await place(objects, FAILING_ID, manifestOf(FAILING_ID), MEMORIES);
  await place(objects, GARBLED_ID, `{"${SECRET}": ${SECRET}}`);
  // In the place of the folder that the journal would be in.
  await writeFile(path.join(objects, 'journal', `system=${SYSTEM}`), '');
  expect((await program.run(['ingest'])).code).toBe(0);

  const told = async (uploadId: string): Promise<Line[]> =>
    (await linesOf(program)).filter((line) => line.uploadId === uploadId);
  await eventually(async () => {
    for (const uploadId of [UNREADABLE_ID, GARBLED_ID])
      expect(await told(uploadId)).toContainEqual(expect.objectContaining({ msg: QUARANTINED }));
    expect(await told(FAILING_ID)).toContainEqual(
      expect.objectContaining({ level: 'warn', msg: 'Activity failed' }),
    );
  }, 30_000);

  expect(await program.log()).not.toContain(SECRET);
  const whose = {
    [ingested]: 'laptop-1',
    [UNREADABLE_ID]: SYSTEM,
    [FAILING_ID]: SYSTEM,
    [GARBLED_ID]: SYSTEM,
  };
  for (const line of await linesOf(program)) {
    if (line.uploadId !== undefined) expect(line).toMatchObject({ systemId: whose[line.uploadId] });
    if (line.activity !== undefined) expect(line.workflowId).toBeDefined();
    // Before anybody knows which upload: all else that is said of an upload's ingest names it.
    if (line.activity === 'ingestUpload' && line.msg !== 'Activity started')
      expect(line).toMatchObject({
        workflowId: expect.stringMatching(/^ingest\//),
        uploadId: expect.any(String),
      });
  }
  expect((await told(ingested)).map(({ activity }) => activity)).toEqual(
    expect.arrayContaining(['takeSnapshot', 'deliverUpload', 'closeUpload', 'handOver', 'ingestUpload']),
  );
});

/** The folder of an original host's upload. */
async function place(
  objects: string,
  uploadId: string,
  manifest: string,
  ...database: string[]
): Promise<void> {
  const folder = path.join(objects, 'systems', SYSTEM, 'uploads', uploadId);
  await mkdir(folder, { recursive: true });
  if (database.length > 0) await makeDatabase(path.join(folder, 'reflection.duckdb'), ...database);
  await writeFile(path.join(folder, 'manifest.json'), manifest);
}

function manifestOf(uploadId: string): string {
  return JSON.stringify({
    upload_id: uploadId,
    system_id: SYSTEM,
    timestamp: '2026-11-22T10:00:00Z',
    files: [{ name: 'reflection.duckdb' }],
  });
}

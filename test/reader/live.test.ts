import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { isAkoshaError } from '../../src/contract/index.js';
import { query } from '../support/databases.js';
import { gunzipTo, openPool, temporaryFolder } from './support.js';

/** Few enough for every run of the suite; 200 are taken by `AKOSHA_TEST_SNAPSHOTS=200 npx vitest run test/reader/live.test.ts`. */
const SNAPSHOTS = Number(process.env['AKOSHA_TEST_SNAPSHOTS'] ?? 25);

/** Each takes 0.2 s on a quiet machine. */
const TIMEOUT_MS = 60_000 + SNAPSHOTS * 3_000;

it(
  'every snapshot of a database that is written and checkpointed without pause opens and holds the first rows its writer committed, none missing, none torn',
  async () => {
    const folder = await temporaryFolder();
    const database = join(folder, 'live.duckdb');
    const writer = startWriter(database);
    while (writer.checkpoints() < 2) await sleep(20);
    const pool = openPool();
    let torn = 0;
    for (let taken = 0; taken < SNAPSHOTS;) {
      const before = writer.committed();
      try {
        const snapshot = await pool.snapshotDatabase({ database, folder, name: 'stored' });
        taken += 1;
        // One more may be committed than the writer has come to report.
        const bounds = { least: before, most: writer.committed() + 1 };
        await expectWhole(snapshot.path, snapshot.rows.conversation, bounds);
        expect(snapshot).toMatchObject({ flags: [], logs: [], notice: null });
      } catch (error) {
        // Seven takes in a row met a checkpoint: whoever asked asks again, as the outbox does. Anything else is a fault.
        if (!isAkoshaError(error, 'SnapshotTorn')) throw error;
        torn += 1;
      }
    }
    expect(writer.checkpoints()).toBeGreaterThan(SNAPSHOTS / 2);
    if (SNAPSHOTS > 25) {
      process.stdout.write(
        `${SNAPSHOTS} snapshots of ${writer.committed()} rows and ${writer.checkpoints()} checkpoints; ${torn} calls gave up\n`,
      );
    }
  },
  TIMEOUT_MS,
);

/** Opens it as a database, and compares every row with what the writer writes for its number. */
async function expectWhole(
  stored: string,
  counted: number | undefined,
  { least, most }: { least: number; most: number },
): Promise<void> {
  const raw = `${stored}.raw`;
  await gunzipTo(stored, raw);
  const [row] = await query(
    `SELECT count(*)::INTEGER AS count, min(number) AS first, max(number) AS last, count(DISTINCT number)::INTEGER AS numbers,
       count(*) FILTER (id <> number::VARCHAR OR content <> repeat(number || ' ', 5))::INTEGER AS wrong
     FROM snapshot.conversations_v2`,
    { snapshot: raw },
  );
  await rm(raw);
  const count = Number(row?.['count']);
  expect(row).toEqual({ count, first: 0, last: count - 1, numbers: count, wrong: 0 });
  expect(counted).toBe(count);
  expect(count).toBeGreaterThanOrEqual(least);
  expect(count).toBeLessThanOrEqual(most);
}

interface Writer {
  /** Rows, and checkpoints, that it has reported. */
  committed: () => number;
  checkpoints: () => number;
}

/** Starts a program that writes to the database until the test ends. */
function startWriter(database: string): Writer {
  const program = fileURLToPath(new URL('./writer.mjs', import.meta.url));
  const writer = spawn(process.execPath, [program, database], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void writer.kill('SIGKILL'));
  let committed = 0;
  let checkpoints = 0;
  createInterface({ input: writer.stdout }).on('line', (line) => {
    const [rows, done] = line.split(' ').map(Number);
    committed = rows ?? 0;
    checkpoints = done ?? 0;
  });
  return { committed: () => committed, checkpoints: () => checkpoints };
}

import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { FAIL_POINTS, type FailPoint } from '../../src/faults/index.js';
import { Program } from '../support/program.js';
import { readStore, type StoreContents } from '../support/store-check.js';

/**
 * The chain is run with the program, or the Temporal server under it, killed (SIGKILL) at one named point, and then to its end.
 * Whatever the point, what stands in the store afterwards is what stands there when nothing was killed, once.
 */

/** So that the sweep's grace passes within the test, and a row counts as garbage as soon as nobody reads it. */
const FAST = {
  AKOSHA_LONGEST_REQUEST_SECONDS: '1',
  AKOSHA_LONGEST_SEARCH_SECONDS: '1',
  AKOSHA_SEARCH_TIMEOUT_SECONDS: '1',
  AKOSHA_POLL_INTERVAL_SECONDS: '1',
};
const GRACE_MS = 2_500;

/**
 * The second transition, a week on, has something to move out of hot. The third, half a year on, moves everything to cold, so that the
 * journal object keeps nothing any more; a transition finds the garbage of the one before, and the next takes it.
 */
const CHAIN: readonly ((program: Program) => Promise<unknown>)[] = [
  (program) => program.sync(),
  (program) => program.age(),
  () => sleep(GRACE_MS),
  (program) => program.age('2026-11-29T12:00:00Z'),
  () => sleep(GRACE_MS),
  (program) => program.age('2027-06-01T12:00:00Z'),
  () => sleep(GRACE_MS),
  (program) => program.age(),
];

/** These strike in a reader process: the program goes on, and starts another reader. */
const IN_READER: readonly FailPoint[] = ['upload.after-copy', 'upload.after-fold'];

/** The graph alone: 135 memories, and a fifth of the whole sample's time. */
async function createProgram(): Promise<Program> {
  const program = await Program.create(FAST);
  program.environment['AKOSHA_DATABASES'] = path.join(program.dataDir, 'host/knowledge_graph.duckdb');
  return program;
}

/** As far as the program gets: a step that a kill fails is left at that. */
async function runUntilDead(program: Program): Promise<void> {
  const dead = async (): Promise<void> => {
    while (program.running) await sleep(50);
  };
  for (const step of CHAIN) {
    if (!program.running) return;
    await Promise.race([step(program).catch(() => undefined), dead()]);
  }
}

/** All of it, each step with success. */
async function runToEnd(program: Program): Promise<void> {
  for (const step of CHAIN) await step(program);
}

async function stopAndRead(program: Program): Promise<StoreContents> {
  expect(await program.signal('SIGTERM')).toBe(0);
  return readStore(program.dataDir);
}

let undisturbed: StoreContents;

beforeAll(async () => {
  const program = await createProgram();
  await program.up();
  await runToEnd(program);
  undisturbed = await stopAndRead(program);
  await program.destroy();
  expect(Object.keys(undisturbed.memories).length).toBe(135);
  expect(undisturbed).toMatchObject({ garbageRows: 0, garbageObjects: 0, unfinished: 0, receiptedNew: 135 });
}, 180_000);

describe.concurrent('the program, killed', () => {
  it.each(FAIL_POINTS)(
    'at %s',
    async (point) => {
      const program = await createProgram();
      try {
        await program.up({ AKOSHA_FAIL_POINT: point });
        await runUntilDead(program);
        if (IN_READER.includes(point)) {
          expect(await program.log()).toMatch(/the reader died \(SIGKILL\)/);
          expect(await program.signal('SIGTERM')).toBe(0);
        } else {
          expect(await program.ended()).toBe('SIGKILL');
        }
        await program.up();
        await runToEnd(program);
        expect(await stopAndRead(program)).toEqual(undisturbed);
      } finally {
        await program.destroy();
      }
    },
    240_000,
  );
});

/** The points of one chain, of which each strikes once in one run: the server is started again, and dies at the next. */
const CHAINS = {
  upload: FAIL_POINTS.filter((point) => point.startsWith('upload.') && !IN_READER.includes(point)),
  ingest: FAIL_POINTS.filter((point) => point.startsWith('ingest.')),
  transition: FAIL_POINTS.filter((point) => /^(move|cold|sweep)\./.test(point)),
};

describe.concurrent('the Temporal server, killed', () => {
  it.each(Object.entries(CHAINS))(
    'at each point of the chain of %s',
    async (_chain, points) => {
      const program = await createProgram();
      try {
        await program.up({
          AKOSHA_FAIL_POINT: points.join(','),
          AKOSHA_FAIL_SERVERS: path.join(program.dataDir, 'run/servers.json'),
        });
        // What was under way when the server died may have failed for its caller; the work itself goes on.
        await runUntilDead(program);
        expect(program.running).toBe(true);
        expect(await program.log()).toMatch(/a local server died; starting it again/);
        await runToEnd(program);
        expect(await stopAndRead(program)).toEqual(undisturbed);
      } finally {
        await program.destroy();
      }
    },
    300_000,
  );
});

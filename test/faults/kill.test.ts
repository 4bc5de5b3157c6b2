import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { FAIL_POINTS } from '../../src/faults/index.js';
import { openObjectStore } from '../../src/objects/index.js';
import { putOriginal } from '../ingest/support.js';
import { Program } from '../support/program.js';
import { readStore, type StoreContents } from '../support/store-check.js';

/**
 * The chain is run with the program, or the Temporal server under it, killed (SIGKILL) at each named point, started again every time, to
 * its end. What stands in the store afterwards is what stands there when nothing was killed, once.
 */

/** So that the sweep's grace passes within the test, and a row counts as garbage as soon as nobody reads it. */
const FAST = {
  AKOSHA_LONGEST_REQUEST_SECONDS: '1',
  AKOSHA_LONGEST_SEARCH_SECONDS: '1',
  AKOSHA_SEARCH_TIMEOUT_SECONDS: '1',
  AKOSHA_POLL_INTERVAL_SECONDS: '1',
  // So that a system and month makes several cold objects, which are merged.
  AKOSHA_MOVE_BATCH_ROWS: '20',
};
const GRACE_MS = 2_500;

/**
 * The second transition, a week on, has something to move out of hot. The third, half a year on, moves everything to cold, so that the
 * journal object keeps nothing any more; a transition finds the garbage of the one before, and the next takes it. Then all of it is thawed.
 */
const CHAIN: readonly ((program: Program) => Promise<unknown>)[] = [
  (program) => program.sync(),
  ingestAgain,
  queueBroken,
  retry,
  drop,
  forget,
  lift,
  (program) => program.age(),
  () => sleep(GRACE_MS),
  (program) => program.age('2026-11-29T12:00:00Z'),
  () => sleep(GRACE_MS),
  (program) => program.age('2027-06-01T12:00:00Z'),
  thaw,
  (program) => program.age(),
  () => sleep(GRACE_MS),
  (program) => program.age(),
];

const SYSTEMS = '/api/v1/systems';
const BROKEN = { systemId: 'old-host', uploadId: '20261122_100000_0a1b2c3d' };

/** An upload of an original host that nothing can read: it waits in quarantine for a decision. */
async function queueBroken(program: Program): Promise<void> {
  const objects = await openObjectStore(`file://${path.join(program.dataDir, 'objects')}`);
  try {
    await putOriginal(objects, BROKEN, { 'notes.duckdb': Buffer.from('no database') });
  } finally {
    await objects.close();
  }
  await program.walk();
  await reached(program, 'quarantined');
}

/** The first upload of this host, once more: its rows are written anew. A request that was made before a crash stands. */
async function ingestAgain(program: Program): Promise<void> {
  const first = async (): Promise<Upload> => {
    const { uploads } = await program.api<{ uploads: Upload[] }>(`${SYSTEMS}/${program.systemId}/uploads`);
    return uploads.at(-1) ?? expect.fail('nothing was uploaded');
  };
  await program.waitUntil('done', async () => (await first()).state === 'done');
  const { upload_id: id, again } = await first();
  if (again === null) await program.api(`${SYSTEMS}/${program.systemId}/uploads/${id}/again`, 'POST');
  await program.waitUntil('ingested again', async () => {
    const upload = await first();
    return upload.state === 'done' && upload.again?.times === 1;
  });
}

interface Upload {
  upload_id: string;
  state: string;
  again: { times: number } | null;
}

/** All back from cold. Asked for again while it runs it is refused, and after a crash it takes what is left. */
async function thaw(program: Program): Promise<void> {
  const body = { system_id: program.systemId, to: 'warm' };
  await program.waitUntil('thawed', async () => {
    const { total } = await program.api<{ total: number }>('/api/v1/thaw', 'POST', {
      ...body,
      dry_run: true,
    });
    if (total > 0) await program.api('/api/v1/thaw', 'POST', body).catch(() => undefined);
    return total === 0;
  });
}

/** Taken again after a crash, it finds the upload as it left it, or further on. */
async function retry(program: Program): Promise<void> {
  const { systemId, uploadId } = BROKEN;
  await program.api(`/api/v1/quarantine/${systemId}/${uploadId}/retry`, 'POST');
  await reached(program, 'quarantined');
}

/** As `retry`. */
async function drop(program: Program): Promise<void> {
  const { systemId, uploadId } = BROKEN;
  await program.api(`/api/v1/quarantine/${systemId}/${uploadId}/drop`, 'POST', { reason: 'no database' });
  await reached(program, 'dropped');
}

/** An entity of the sample. */
const FORGOTTEN = {
  system_id: 'laptop-1',
  kind: 'entity',
  memory_id: '00962b00-12ea-4fe4-8399-d9196278937c',
};

/** One memory, so that its journal is written anew for the others, and its upload's raw files go. Taken again it goes on. */
async function forget(program: Program): Promise<void> {
  const { scope_id: id } = await program.api<{ scope_id: string }>('/api/v1/forget', 'POST', FORGOTTEN);
  await program.waitUntil('forgotten', async () => {
    const { receipt } = await program.api<{ receipt: object | null }>(`/api/v1/forget/${id}`);
    return receipt !== null;
  });
}

async function lift(program: Program): Promise<void> {
  const { forgets } = await program.api<{ forgets: { lifted_at: string | null }[] }>('/api/v1/forget');
  if (forgets.some(({ lifted_at }) => lifted_at !== null)) return;
  await program.api('/api/v1/forget/lift', 'POST', FORGOTTEN);
}

function reached(program: Program, wanted: string): Promise<void> {
  const { systemId, uploadId } = BROKEN;
  return program.waitUntil(`${uploadId} ${wanted}`, async () => {
    const { state } = await program.api<{ state: string }>(`${SYSTEMS}/${systemId}/uploads/${uploadId}`);
    return state === wanted;
  });
}

/** The graph alone: 135 memories, of which one is forgotten, and a fifth of the whole sample's time. */
async function createProgram(environment: Record<string, string> = {}): Promise<Program> {
  const program = await Program.create({ ...FAST, ...environment });
  program.environment['AKOSHA_DATABASES'] = path.join(program.dataDir, 'host/knowledge_graph.duckdb');
  return program;
}

/** These strike in a reader process, which cannot reach the server: they kill the reader. */
const IN_READER: readonly string[] = ['upload.after-copy', 'upload.after-fold'];

/** The points of one chain at which the server is killed, in the order in which the work comes to them. */
const CHAINS = {
  upload: FAIL_POINTS.filter((point) => point.startsWith('upload.') && !IN_READER.includes(point)),
  ingest: FAIL_POINTS.filter((point) => /^(ingest|retry|drop|again)\./.test(point)),
  transition: FAIL_POINTS.filter((point) => /^(move|cold|compact|thaw|sweep|forget|lift)\./.test(point)),
};

/**
 * A step fails where the program or the server dies under it, and while the server is being started again: at several points, one after the
 * other. Less than a test has, so that it is the step that is named.
 */
const STEP_MS = 300_000;

/** Three times what one takes where nothing else runs, all of them side by side. */
const TEST_MS = 600_000;

/**
 * Runs the chain, and starts the program again wherever it dies; the step that was under way is taken again. Returns the points that
 * struck.
 */
async function runThroughKills(program: Program, environment: Record<string, string>): Promise<string[]> {
  const record = path.join(program.dataDir, 'struck');
  for (const step of CHAIN) {
    const deadline = Date.now() + STEP_MS;
    while (!(await isDone(step(await running())))) {
      if (Date.now() > deadline) throw new Error(`a step failed for ${STEP_MS} ms: ${await program.tail()}`);
    }
  }
  await running();
  return (await readFile(record, 'utf8')).trim().split('\n');

  async function running(): Promise<Program> {
    while (!program.running) {
      await program.up({ ...environment, AKOSHA_FAIL_RECORD: record }).catch(() => undefined);
    }
    return program;
  }

  /** Who waits for a program that died may wait for ever. */
  function isDone(step: Promise<unknown>): Promise<boolean> {
    const failed = async (): Promise<boolean> => {
      await sleep(500);
      return false;
    };
    const died = async (): Promise<boolean> => {
      while (program.running) await sleep(50);
      return false;
    };
    return Promise.race([step.then(() => true, failed), died()]);
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

/** What is there when nothing was killed. It runs beside the others, because it waits for most of its time. */
let undisturbed: Promise<StoreContents>;

beforeAll(() => {
  undisturbed = readUndisturbed();
  // Whoever waits for it fails with it.
  undisturbed.catch(() => undefined);
});

async function readUndisturbed(): Promise<StoreContents> {
  const program = await createProgram();
  try {
    await program.up();
    await runToEnd(program);
    const contents = await stopAndRead(program);
    expect(Object.keys(contents.memories).length).toBe(134);
    expect(contents).toMatchObject({ garbageRows: 0, garbageObjects: 0, unfinished: 0, receiptedNew: 135 });
    return contents;
  } finally {
    await program.destroy();
  }
}

/**
 * Each run of the chain dies at points far apart: a step that dies again and again waits longer every time, which would take minutes. Fewer
 * runs mean fewer seconds and longer waits.
 */
const RUNS = 6;

/** The first run alone makes vectors as well. No point lies there, and the model costs a second of a core at each start of the program. */
const NO_MODEL = { AKOSHA_EMBEDDINGS: 'off' };

/**
 * Those of an outage are `outage.test.ts`'s, those of a backup and a rebuild `rebuild.test.ts`'s, those of a repair `repair.test.ts`'s, and those
 * of retention `retention.test.ts`'s and `expiry.test.ts`'s: this chain has none.
 */
const POINTS = FAIL_POINTS.filter(
  (point) => !/^(outage|backup|rebuild|repair|retention|expire)\./.test(point),
);

describe.concurrent('the program, killed', () => {
  it.each(Array.from({ length: RUNS }, (_, run) => POINTS.filter((_point, i) => i % RUNS === run)))(
    'at %s, %s and so on',
    async (...points) => {
      const program = await createProgram(points[0] === POINTS[0] ? {} : NO_MODEL);
      try {
        const struck = await runThroughKills(program, { AKOSHA_FAIL_POINT: points.join(',') });
        expect(struck.toSorted()).toEqual(points.toSorted());
        expect(await stopAndRead(program)).toEqual(await undisturbed);
      } finally {
        await program.destroy();
      }
    },
    TEST_MS,
  );
});

describe.concurrent('the Temporal server, killed', () => {
  it.each(Object.entries(CHAINS))(
    'at each point of the chain of %s',
    async (_chain, points) => {
      const program = await createProgram(NO_MODEL);
      try {
        const struck = await runThroughKills(program, {
          AKOSHA_FAIL_POINT: points.join(','),
          AKOSHA_FAIL_SERVERS: path.join(program.dataDir, 'run/servers.json'),
        });
        expect(struck.toSorted()).toEqual(points.toSorted());
        expect(await program.log()).toMatch(/a local server died; starting it again/);
        expect(await stopAndRead(program)).toEqual(await undisturbed);
      } finally {
        await program.destroy();
      }
    },
    TEST_MS,
  );
});

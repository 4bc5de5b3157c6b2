import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { describeReplay, type ReplayAnswer } from '../../../src/cli/replay/replay-run.js';
import { readHistoryFile } from '../../../src/cli/replay/history.js';
import { freePort, requireServer } from '../../../src/servers/index.js';
import { Program, type CommandResult } from '../../support/program.js';
import { createNamespace, failure, type TestNamespace, walked } from '../../support/temporal.js';

const HISTORIES = path.resolve(import.meta.dirname, '../../histories');
const recorded = (name: string): string => path.join(HISTORIES, `${name}.json`);

let folder: string;
let program: Program;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'akosha-replay-'));
  program = await Program.create();
});
afterAll(async () => {
  await program.destroy();
  await rm(folder, { recursive: true });
});

const answerOf = ({ stdout }: CommandResult): ReplayAnswer => JSON.parse(stdout) as ReplayAnswer;

/** A recorded history with one change, in a file of its own. */
async function changed(name: string, change: (text: string) => string): Promise<string> {
  const text = await readFile(recorded(name), 'utf8');
  const other = change(text);
  expect(other).not.toBe(text);
  const file = path.join(folder, `${name}-${Math.random()}.json`);
  await writeFile(file, other);
  return file;
}

describe('akosha replay --history', () => {
  it('tells the steps of a history that replays, as a table and as JSON', async () => {
    const text = await program.run(['replay', '--history', recorded('upload-memory-retried')]);
    expect(text).toMatchObject({ code: 0, stderr: '' });
    expect(text.stdout).toContain('It replays on this program.');
    expect(text.stdout).toMatch(
      /^27 +2026-\S+Z +activity +deliverUpload +\d.* +2 +completed; attempt before: ObjectStoreUnavailable: injected$/m,
    );

    const json = await program.run(['replay', '--history', recorded('daily-ingest-waiting'), '--json']);
    expect(json.code).toBe(0);
    const { steps, ...answer } = answerOf(json);
    expect(answer).toMatchObject({ workflow_type: 'dailyIngest', replays: true, divergence: null });
    expect(steps.map(({ step, name, outcome }) => [step, name, outcome])).toEqual([
      ['started', 'dailyIngest', ''],
      ['activity', 'walkUploads', 'completed'],
      ['activity', 'countUnfinished', 'completed'],
      ['timer', '1s', 'fired'],
      ['activity', 'countUnfinished', 'completed'],
      ['timer', '2s', 'fired'],
      ['activity', 'countUnfinished', 'completed'],
      ['completed', '', ''],
    ]);
    const timer = steps.find(({ step }) => step === 'timer');
    expect(timer?.took_ms).toBeGreaterThanOrEqual(1_000);
    expect(timer?.took_ms).toBeLessThan(2_000);
  });

  it.each([
    {
      what: 'an activity of another name',
      name: 'upload-memory',
      change: (text: string) => text.replace('"closeUpload"', '"closeIt"'),
      divergence: { event: 33, expected: 'ActivityTaskScheduled closeIt', got: 'activity closeUpload' },
    },
    {
      what: 'a step that the workflow no longer takes',
      name: 'daily-ingest',
      change: (text: string) => insertTimer(text),
      divergence: { expected: 'TimerStarted 5s' },
    },
    {
      what: 'a workflow that is not among those of the program',
      name: 'daily-ingest',
      change: (text: string) => text.replace('"dailyIngest"', '"weeklyIngest"'),
      divergence: { got: expect.stringContaining('weeklyIngest') },
    },
  ])('tells where a history with $what diverges, and exits with 1', async ({ name, change, divergence }) => {
    const result = await program.run(['replay', '--history', await changed(name, change), '--json']);
    expect(result.code).toBe(1);
    expect(answerOf(result)).toMatchObject({ replays: false, divergence });
  });

  it('prints the divergence under the steps', async () => {
    const file = await changed('upload-memory', (text) => text.replace('"closeUpload"', '"closeIt"'));
    const { code, stdout } = await program.run(['replay', '--history', file]);
    expect(code).toBe(1);
    expect(stdout).toContain(
      'It diverges at event 33:\n  expected  ActivityTaskScheduled closeIt\n  got       activity closeUpload\n',
    );
  });

  it.each([
    ['a bare list of events', (events: unknown[]): unknown => events],
    [
      'the answer of the HTTP API',
      (events: unknown[]): unknown => ({ history: { events }, nextPageToken: null }),
    ],
    [
      'the enumerations of older tools',
      (events: { eventType: string }[]): unknown => ({
        events: events.map((event) => ({ ...event, eventType: inCamelCase(event.eventType) })),
      }),
    ],
  ])('reads %s', async (_what, wrap) => {
    const { events } = JSON.parse(await readFile(recorded('daily-ingest'), 'utf8')) as {
      events: { eventType: string }[];
    };
    const file = path.join(folder, 'other-form.json');
    await writeFile(file, JSON.stringify(wrap(events)));
    const run = describeReplay(await readHistoryFile(file), undefined);
    expect(run.steps).toEqual(
      describeReplay(await readHistoryFile(recorded('daily-ingest')), undefined).steps,
    );
    expect(run.steps.length).toBeGreaterThan(2);
  });

  it.each([
    ['{', 'it is no JSON'],
    ['{"events":[]}', 'it has no events'],
    ['{"rows":1}', 'it has no events'],
    ['{"events":[{"eventId":"1"}]}', 'Missing attributes'],
  ])('refuses a file that holds %s', async (text, why) => {
    const file = path.join(folder, 'none.json');
    await writeFile(file, text);
    const { code, stderr } = await program.run(['replay', '--history', file]);
    expect(code).toBe(2);
    expect(stderr).toContain(`--history ${file}: ${why}`);
    expect(stderr).toContain('temporal workflow show --output json');
  });

  it('refuses payloads that were decoded for the eye, a file that is not there, and a call that names neither', async () => {
    const decoded = await changed('daily-ingest', (text) =>
      text.replace(/"data": "[^"]*"/, '"data": {"all": true}'),
    );
    for (const args of [
      ['--history', decoded],
      ['--history', path.join(folder, 'missing.json')],
      [],
      ['--history', decoded, '--workflow-id', 'ingest/x'],
    ]) {
      const { code, stdout } = await program.run(['replay', ...args, '--json']);
      expect({ args, code }).toEqual({ args, code: 2 });
      expect(JSON.parse(stdout)).toMatchObject({ success: false, error: { code: 'BadRequest' } });
    }
  });
});

describe('akosha replay --workflow-id', () => {
  let temporal: TestNamespace;
  let environment: Record<string, string>;

  beforeAll(async () => {
    temporal = await createNamespace(inject('temporal').address);
    environment = { TEMPORAL_ADDRESS: temporal.address, TEMPORAL_NAMESPACE: temporal.namespace };
  });
  afterAll(() => temporal.close());

  it('replays a run that Temporal has, and the file that its command line saves of it', async () => {
    let failed = false;
    const workers = await temporal.runWorkers({
      store: {
        walkPortion: () => {
          if (failed) return Promise.resolve(walked({ seen: 2, added: 1, at: 1 }));
          failed = true;
          return Promise.reject(failure('ObjectStoreUnavailable', 'injected', { nextRetryDelay: 100 }));
        },
      },
    });
    const run = await temporal.client.runDailyIngest();
    await run.result();
    await workers.stop();

    const { workflowId } = run;
    const result = await program.run(['replay', '--workflow-id', workflowId, '--json'], environment);
    const answer = answerOf(result);
    expect(answer).toMatchObject({ workflow_id: workflowId, workflow_type: 'dailyIngest', replays: true });
    expect(answer.steps).toContainEqual(
      expect.objectContaining({ step: 'activity', name: 'walkPortion', attempts: 2 }),
    );

    const cli = (await requireServer('temporal')).path;
    const place = ['--address', temporal.address, '--namespace', temporal.namespace];
    const show = ['workflow', 'show', '--workflow-id', workflowId, '--output', 'json', ...place];
    const file = path.join(folder, 'shown.json');
    await writeFile(file, (await promisify(execFile)(cli, show)).stdout);
    const { steps } = answerOf(await program.run(['replay', '--history', file, '--json']));
    expect(steps).toEqual(answer.steps);
  });

  it('says so where there is no such workflow, no such run, or no Temporal, and exits with 2', async () => {
    const nowhere = { TEMPORAL_ADDRESS: `127.0.0.1:${await freePort()}` };
    for (const [args, env, message] of [
      [['--workflow-id', 'ingest/nobody'], environment, 'Temporal knows no workflow ingest/nobody'],
      [
        ['--workflow-id', 'ingest/nobody', '--run-id', 'first'],
        environment,
        '--run-id first: must be a UUID',
      ],
      [['--workflow-id', 'ingest/nobody'], nowhere, 'Temporal does not answer at'],
    ] as const) {
      const { code, stderr } = await program.run(['replay', ...args], env);
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) });
    }
  });
});

function inCamelCase(type: string): string {
  return type
    .replace('EVENT_TYPE_', '')
    .toLowerCase()
    .replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** After the last task of the workflow, a timer that nothing in it asks for. */
function insertTimer(text: string): string {
  const { events } = JSON.parse(text) as { events: Record<string, unknown>[] };
  const end = events.findIndex(({ eventType }) => eventType === 'EVENT_TYPE_ACTIVITY_TASK_SCHEDULED');
  const before = events.slice(0, end);
  const timer = {
    eventId: String(end + 1),
    eventTime: events[end]?.['eventTime'],
    eventType: 'EVENT_TYPE_TIMER_STARTED',
    timerStartedEventAttributes: {
      timerId: '1',
      startToFireTimeout: '5s',
      workflowTaskCompletedEventId: String(end - 1),
    },
  };
  return JSON.stringify({ events: [...before, timer] });
}

import { readdir, readFile } from 'node:fs/promises';
import { homedir, hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime, Worker, type ReplayResult } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { WORKFLOWS } from '../../src/contract/index.js';

Runtime.install({ logger: new DefaultLogger('ERROR') });

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const BUNDLE = fileURLToPath(new URL('../../dist/workflow-bundle.js', import.meta.url));
const TRACED = fileURLToPath(new URL('../../dist/workflow-bundle-traced.js', import.meta.url));

/** Where spans of workflows would go, if any were sent in a replay. */
const SINKS = { exporter: { export: { fn: () => undefined } } };

type Bundle = { codePath: string } | { code: string };

/** Replays recorded histories on the given code: what each workflow does must be what it did. */
async function replay(workflowBundle: Bundle, files: readonly string[]): Promise<ReplayResult[]> {
  const histories = await Promise.all(
    files.map(async (file) => ({
      workflowId: file,
      history: historyFromJSON(JSON.parse(await readFile(FOLDER + file, 'utf8'))),
    })),
  );
  const results: ReplayResult[] = [];
  for await (const result of Worker.runReplayHistories({ workflowBundle, sinks: SINKS }, histories)) results.push(result);
  return results;
}

interface RecordedEvent {
  eventType: string;
  activityTaskScheduledEventAttributes?: {
    activityType?: { name?: string };
    priority?: { priorityKey?: number };
  };
}

async function eventsOf(file: string): Promise<RecordedEvent[]> {
  return (JSON.parse(await readFile(FOLDER + file, 'utf8')) as { events: RecordedEvent[] }).events;
}

/** All that a history's payloads say. */
async function payloadsOf(file: string): Promise<string> {
  const encoded = [...(await readFile(FOLDER + file, 'utf8')).matchAll(/"data": "([^"]*)"/g)];
  return encoded.map(([, data = '']) => Buffer.from(data, 'base64').toString()).join('\n');
}

/**
 * Guards runs that are under way while the program is updated: new code must take the old path up to where they are. It says
 * nothing about arguments, results or times, which are not compared. Record new paths with scripts/record-histories.mjs.
 */
describe('the recorded histories', () => {
  let files: string[];

  beforeAll(async () => {
    files = (await readdir(FOLDER)).filter((name) => name.endsWith('.json')).sort();
  });

  // Those that were recorded on the one replay on the other too: where spans go is set and unset while workflows run.
  it.each([
    { what: 'as they are built', codePath: BUNDLE },
    { what: 'with what records spans', codePath: TRACED },
  ])('replay on the workflows $what', async ({ codePath }) => {
    const results = await replay({ codePath }, files);
    expect(results.map(({ workflowId, error }) => ({ workflowId, error }))).toEqual(
      files.map((file) => ({ workflowId: file, error: undefined })),
    );
  });

  it('cover every workflow, with a retried step each, and with new runs where there can be many events', async () => {
    for (const type of Object.values(WORKFLOWS)) {
      const name = type.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      expect(files).toContain(`${name}.json`);
      const retried = await readFile(`${FOLDER}${name}-retried.json`, 'utf8');
      expect(retried).toContain('"attempt": 2');
    }
    for (const name of ['upload-memory', 'ingest-system', 'daily-ingest', 'daily-ingest-paged', 'tier-transition', 'move-memories', 'maintenance', 'scrub']) {
      const first = await readFile(`${FOLDER}${name}-continued-1.json`, 'utf8');
      expect(first).toContain('EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW');
      expect(files).toContain(`${name}-continued-2.json`);
    }
  });

  it.each([
    ['ingest-system-further', 'an activity that ingested further uploads', '"further":{'],
    ['ingest-system-begun', 'a run that was begun with the first upload', '"phase":"ingest","next":{'],
    ['ingest-system-again', 'an upload that was asked for again, and kept as it was', '"status":"kept"'],
    ['ingest-system-raised', 'a backlog of which an upload was announced', '{"urgency":"announced"}'],
    ['ingest-system-bounded-1', 'a run that ends by our own bound', '{"id":"own-history-bound"'],
    ['outage-record-second', 'a second outage, with a record that is cut', '"omitted":5'],
  ])('have %s: %s', async (name, _what, said) => {
    expect(files).toContain(`${name}.json`);
    expect(await payloadsOf(`${name}.json`)).toContain(said);
  });

  it('of our own bound have a thousand events, and go on in a new run', async () => {
    const events = (await eventsOf('ingest-system-bounded-1.json')).map(({ eventType }) => eventType);
    expect(events.length).toBeGreaterThan(1_000);
    expect(events.at(-1)).toBe('EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW');
    expect(files).toContain('ingest-system-bounded-2.json');
  });

  it('have the priority of an announcement from the activity after it on', async () => {
    const scheduled = (await eventsOf('ingest-system-raised.json')).flatMap(
      ({ activityTaskScheduledEventAttributes: its }) =>
        its?.activityType?.name === 'ingestUpload' ? [its.priority?.priorityKey] : [],
    );
    expect(scheduled).toEqual([undefined, 3, 3]);
  });

  it('hold the header of a trace where they were begun within one, and nowhere else', async () => {
    for (const file of files) {
      const text = await readFile(FOLDER + file, 'utf8');
      expect(text.includes('"_tracer-data"'), file).toBe(file.includes('-traced'));
    }
  });

  it('carry the flag without which a renamed activity would replay as well', async () => {
    for (const file of files) expect(await readFile(FOLDER + file, 'utf8'), file).toContain('"coreUsedFlags"');
  });

  it('tell nothing of the machine they were recorded on', async () => {
    for (const file of files) {
      const text = await readFile(FOLDER + file, 'utf8');
      const identities = [...text.matchAll(/"identity": "([^"]*)"/g)].map(([, identity]) => identity);
      expect(new Set(identities), file).toEqual(new Set(['recorder']));
      for (const trace of [homedir(), process.cwd(), `@${hostname()}`, 'node_modules']) {
        expect(text, file).not.toContain(trace);
      }
    }
  });

  describe('on the same workflows with a step elsewhere', () => {
    let code: string;
    beforeAll(async () => {
      code = await readFile(BUNDLE, 'utf8');
    });

    /** The bundle itself with one change, so that nothing but the change can be what the replay objects to. */
    const changed = (from: string, to: string): Bundle => {
      expect(code.split(from), `"${from}" is to stand in the bundle once`).toHaveLength(2);
      return { code: code.replace(from, to) };
    };

    const SWAP = {
      from: 'await agent.closeUpload(delivered);\n    await tellServer(delivered, agent);',
      to: 'await tellServer(delivered, agent);\n    await agent.closeUpload(delivered);',
    };

    it.each([
      { ...SWAP, what: 'two steps in another order', file: 'upload-memory.json' },
      { from: 'await agent.closeUpload(delivered);', to: '', what: 'a step left out', file: 'upload-memory.json' },
      {
        from: 'await (0,_temporalio_workflow__WEBPACK_IMPORTED_MODULE_0__.sleep)(pause',
        to: 'await (0,_temporalio_workflow__WEBPACK_IMPORTED_MODULE_0__.condition)(() => true',
        what: 'a timer left out',
        file: 'daily-ingest-waiting.json',
      },
      {
        from: 'progress.publish();',
        to: '',
        what: 'search attributes not carried on',
        file: 'ingest-system-continued-1.json',
      },
      {
        from: 'const MOST_EVENTS = 1_000;',
        to: 'const MOST_EVENTS = 5_000;',
        what: 'another bound of a history',
        file: 'ingest-system-bounded-1.json',
      },
    ])('fail for $what', async ({ from, to, file }) => {
      const [result] = await replay(changed(from, to), [file]);
      expect(result?.error).toMatchObject({ name: 'DeterminismViolationError' });
    });
  });
});
